package appid

import (
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// byHostName is the verdict on a flow whose peer claims host.
func byHostName(c *Catalogue, decoder, host string) Verdict {
	var s State
	c.Begin(&s, packet.ProtoTCP, 40000, 443)
	c.Bytes(&s, packet.ToServer, []byte("\x16\x03\x01"))
	c.Decoder(&s, decoder)
	c.Identity(&s, decoder, &proto.Identity{Hostname: []byte(host)})
	v := c.Verdict(&s, &Facts{Payload: [2]uint64{100, 100}})
	v.Hostname, v.Reason = []byte(string(v.Hostname)), []byte(string(v.Reason))
	return v
}

func TestHosts(t *testing.T) {
	c := load(t)
	for host, want := range map[string]string{
		"amazon.com":                                              "amazon-shopping",
		"www.amazon.com":                                          "amazon-shopping",
		"WWW.Amazon.Com.":                                         "amazon-shopping",
		"amazon.com:443":                                          "amazon-shopping",
		"amazon.com.evil.example":                                 "ssl",
		"notamazon.com":                                           "ssl",
		"amazon.evil.example":                                     "ssl",
		"amazon.com-login.example":                                "ssl",
		"notamazonaws.com":                                        "ssl",
		"s3.notamazonaws.com":                                     "ssl",
		"s3.amazonaws.com.evil.example":                           "ssl",
		"s3.amazonaws.com":                                        "aws-s3",
		"bucket.s3.eu-west-1.amazonaws.com":                       "aws-s3",
		"sts.s3.eu-west-1.amazonaws.com":                          "aws-s3", // a bucket called sts
		"bucket.s3-us-west-2.amazonaws.com":                       "aws-s3",
		"s3.dualstack.us-east-1.amazonaws.com":                    "aws-s3",
		"sts.amazonaws.com":                                       "aws-sts",
		"vpce-1.sqs.us-east-1.vpce.amazonaws.com":                 "aws-sqs",
		"ssmmessages.cn-north-1.amazonaws.com.cn":                 "aws-ssm",
		"1.dkr.ecr.us-east-1.amazonaws.com":                       "aws-ecr",
		"abc.execute-api.us-east-1.amazonaws.com":                 "aws-api-gateway",
		"abc.lambda-url.us-east-1.on.aws":                         "aws-lambda",
		"db.abc.us-east-1.rds.amazonaws.com":                      "aws-rds",
		"x.gr7.us-east-1.eks.amazonaws.com":                       "kubernetes-api",
		"eks.us-east-1.amazonaws.com":                             "aws-eks",
		"kms.us-east-1.api.aws":                                   "aws-kms",
		"queue.newthing.us-east-1.amazonaws.com":                  "aws-base", // queue is a customer's word
		"us-east-1.queue.amazonaws.com":                           "aws-sqs",
		"vpce-0a-1b.s3.us-east-1.vpce.amazonaws.com":              "aws-s3",
		"api.ecr.us-gov-west-1.amazonaws.com":                     "aws-ecr",
		"lb-1.us-east-1.elb.amazonaws.com":                        "aws-elb",
		"c.x.0001.use1.cache.amazonaws.com":                       "aws-elasticache",
		"us-east-1.amazonaws.com":                                 "aws-base",
		"newthing.us-east-1.amazonaws.com":                        "aws-base",
		"ec2-192-0-2-1.compute-1.amazonaws.com":                   "ssl", // somebody's instance
		"ec2-192-0-2-1.eu-west-1.compute.amazonaws.com":           "ssl",
		"s3.ec2-192-0-2-1.eu-west-1.compute.amazonaws.com":        "ssl",
		"d111.cloudfront.net":                                     "aws-cloudfront",
		"teams.microsoft.com":                                     "ms-teams",
		"microsoft.com":                                           "ms-product-activation",
		"github.com":                                              "github-base",
		"mail.google.com":                                         "gmail-base",
		"fonts.gstatic.com":                                       "google-base",
		"dns.google":                                              "dns-over-https",
		"x.dns.google.example":                                    "ssl",
		"kubernetes":                                              "kubernetes-api",
		"kubernetes.example":                                      "ssl",
		".":                                                       "ssl",
		"..amazon.com":                                            "amazon-shopping",
		"com":                                                     "ssl",
		"[2001:db8::1]:443":                                       "ssl",
		strings.Repeat("a.", 122) + "amazon.com":                  "amazon-shopping",
		strings.Repeat("a.", 122) + "amazon.com.evil.example":     "ssl",
		strings.Repeat("a", 245) + ".amazon.com.evil.example.org": "ssl",
	} {
		if v := byHostName(c, "tls", host); v.Name != want {
			t.Errorf("%q: want %s, got %s", host, want, v.Name)
		}
	}
}

func TestHostVerdict(t *testing.T) {
	c := load(t)
	v := byHostName(c, "tls", "Bucket.S3.eu-west-1.amazonaws.com")
	if string(v.Reason) != "sni: bucket.s3.eu-west-1.amazonaws.com" || v.Confidence != ConfidenceHost {
		t.Errorf("got %s, %q", v.Confidence, v.Reason)
	}
	v = byHostName(c, "http", "169.254.169.254")
	if v.Name != "aws-imds" || string(v.Reason) != "host: 169.254.169.254" {
		t.Errorf("got %s, %q", v.Name, v.Reason)
	}
	// A question is what somebody asks for, not where the flow goes.
	v = byHostName(c, "dns", "www.amazon.com")
	if v.Name != "dns" || string(v.Hostname) != "www.amazon.com" || v.Confidence != ConfidenceDecoder {
		t.Errorf("got %s, %q", v.Name, v.Hostname)
	}
}

func TestTrimHost(t *testing.T) {
	for in, want := range map[string]string{
		"a.example":         "a.example",
		"a.example:80":      "a.example",
		"a.example.:80":     "a.example",
		"[2001:db8::1]:443": "2001:db8::1",
		"[2001:db8::1":      "[2001:db8::1",
		"2001:db8::1":       "2001:db8::1",
		":":                 "",
		"":                  "",
	} {
		if got := string(trimHost([]byte(in))); got != want {
			t.Errorf("%q: want %q, got %q", in, want, got)
		}
	}
}
