package record

// top reads the value of a key of the line.
func (s *scanner) top(key string, w *wire) {
	switch key {
	case "timestamp":
		s.text(&w.Timestamp)
	case "flow_id":
		s.uint(&w.FlowID)
	case "event_type":
		s.text(&w.Event)
	case "src_ip":
		s.addr(&w.SrcIP)
	case "dest_ip":
		s.addr(&w.DstIP)
	case "src_port":
		s.uint16(&w.SrcPort)
	case "dest_port":
		s.uint16(&w.DstPort)
	case "proto":
		s.text(&w.Proto)
	case "community_id":
		s.text(&w.Community)
	case "direction":
		s.text(&w.Direction)
	default:
		s.part(key, w)
	}
}

// made gives the object that p points to.
func made[T any](p **T) *T {
	if *p == nil {
		*p = new(T)
	}
	return *p
}

func (s *scanner) part(key string, w *wire) {
	switch key {
	case "alert":
		s.alert(made(&w.Alert))
	case "http":
		s.http(made(&w.HTTP))
	case "tls":
		o := made(&w.TLS)
		s.object(func(key string) {
			if key == "sni" {
				s.text(&o.SNI)
				return
			}
			s.skip(0)
		})
	case "dns":
		s.dns(made(&w.DNS))
	case "fileinfo":
		o := made(&w.File)
		s.object(func(key string) {
			switch key {
			case "filename":
				s.text(&o.Name)
			case "sha256":
				s.text(&o.SHA256)
			case "magic":
				s.text(&o.Type)
			default:
				s.skip(0)
			}
		})
	case "flow":
		s.flow(made(&w.Flow))
	case "anomaly":
		o := made(&w.Anomaly)
		s.object(func(key string) {
			switch key {
			case "type":
				s.text(&o.Type)
			case "event":
				s.text(&o.Event)
			default:
				s.skip(0)
			}
		})
	case "mirrorwall":
		s.ours(made(&w.Mirrorwall))
	default:
		s.skip(0)
	}
}

func (s *scanner) alert(o *wireAlert) {
	s.object(func(key string) {
		switch key {
		case "signature_id":
			s.uint32(&o.SID)
		case "signature":
			s.text(&o.Signature)
		case "category":
			s.text(&o.Category)
		case "severity":
			s.int(&o.Severity)
		case "metadata":
			if o.Metadata != nil {
				s.fail()
				return
			}
			o.Metadata = map[string][]string{}
			s.object(func(key string) {
				v := o.Metadata[key]
				s.texts(&v)
				o.Metadata[key] = v
			})
		default:
			s.skip(0)
		}
	})
}

func (s *scanner) http(o *wireHTTP) {
	s.object(func(key string) {
		switch key {
		case "hostname":
			s.text(&o.Hostname)
		case "url":
			s.text(&o.URL)
		case "http_method":
			s.text(&o.Method)
		case "http_user_agent":
			s.text(&o.UserAgent)
		case "http_refer":
			s.text(&o.Referer)
		case "http_content_type":
			s.text(&o.ContentType)
		case "status":
			s.int(&o.Status)
		default:
			s.skip(0)
		}
	})
}

func (s *scanner) dns(o *wireDNS) {
	s.object(func(key string) {
		if key != "queries" {
			s.skip(0)
			return
		}
		if o.Queries != nil {
			s.fail()
			return
		}
		o.Queries = make([]wireQuery, 0, 1)
		s.list(func() {
			q := wireQuery{}
			s.object(func(key string) {
				if key == "rrname" {
					s.text(&q.Name)
					return
				}
				s.skip(0)
			})
			o.Queries = append(o.Queries, q)
		})
	})
}

func (s *scanner) flow(o *wireFlow) {
	s.object(func(key string) {
		switch key {
		case "pkts_toserver":
			s.uint(&o.PacketsTS)
		case "pkts_toclient":
			s.uint(&o.PacketsTC)
		case "bytes_toserver":
			s.uint(&o.BytesTS)
		case "bytes_toclient":
			s.uint(&o.BytesTC)
		case "age":
			s.uint(&o.Age)
		case "reason":
			s.text(&o.Reason)
		case "start":
			s.text(&o.Start)
		default:
			s.skip(0)
		}
	})
}

func (s *scanner) ours(o *wireOurs) {
	s.object(func(key string) {
		switch key {
		case "app_risk":
			s.int(&o.Risk)
		case "vni":
			v := new(uint32)
			s.uint32(v)
			o.VNI = v
		case "flags":
			s.texts(&o.Flags)
		default:
			if into := o.textOf(key); into != nil {
				s.text(into)
				return
			}
			s.skip(0)
		}
	})
}

// textOf is the text of a key; nil: there is none.
func (o *wireOurs) textOf(key string) *string {
	switch key {
	case "app":
		return &o.App
	case "app_category":
		return &o.Category
	case "hostname":
		return &o.Hostname
	case "ja4":
		return &o.JA4
	case "tenant":
		return &o.Tenant
	case "rule":
		return &o.Rule
	case "verdict":
		return &o.Verdict
	case "zone_from":
		return &o.ZoneFrom
	case "zone_to":
		return &o.ZoneTo
	case "eni":
		return &o.ENI
	case "instance":
		return &o.Instance
	case "vpc":
		return &o.VPC
	case "pcap_id":
		return &o.PcapID
	}
	return o.eventText(key)
}

// eventText is the texts of the logs that are not of traffic.
func (o *wireOurs) eventText(key string) *string {
	switch key {
	case "admin":
		return &o.Admin
	case "client":
		return &o.Client
	case "cmd":
		return &o.Command
	case "path":
		return &o.Path
	case "result":
		return &o.Result
	case "eventid":
		return &o.EventID
	case "object":
		return &o.Object
	case "module":
		return &o.Module
	case "severity":
		return &o.Severity
	case "description":
		return &o.Description
	}
	return nil
}
