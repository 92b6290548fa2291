package sensor

import (
	"github.com/mirrorwall/mirrorwall/internal/appid"
	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// identify tells the classifier what the parser has learnt since last time.
func (w *Worker) identify(f *flow.Flow, c *conn) {
	s := c.session
	if s == nil || !s.Dirty {
		return
	}
	if s.Proto == nil {
		return
	}
	if s.Proto != c.proto {
		c.proto = s.Proto
		if f.Key.Proto == packet.ProtoUDP {
			w.overUDP[s.Proto]++
		}
		w.cfg.Catalogue.Decoder(&c.app, s.Proto.Name)
	}
	if s.Proto.Identify == nil {
		return
	}
	for _, tx := range s.Txs() {
		w.identity = proto.Identity{CertNames: w.identity.CertNames[:0]}
		s.Proto.Identify(tx, &w.identity)
		w.cfg.Catalogue.Identity(&c.app, s.Proto.Name, &w.identity)
		if len(c.ja4) == 0 {
			c.ja4 = append(c.ja4, w.identity.JA4...)
		}
	}
}

// verdict asks for the application as known now and fills w.ours with it.
func (w *Worker) verdict(f *flow.Flow, c *conn) {
	v := w.cfg.Catalogue.Verdict(&c.app, &appid.Facts{
		Handshake: f.TCP != nil && f.TCP.Established(),
		Payload:   f.Payload, Packets: f.Pkts, ICMPType: f.ICMP[0],
	})
	o := &w.ours
	o.App, o.Hostname, o.JA4 = v.Name, v.Hostname, c.ja4
	o.AppConfidence, o.AppReason, o.AppCategory, o.AppRisk = "", nil, "", 0
	if v.App != nil {
		o.AppConfidence, o.AppReason = v.Confidence.String(), v.Reason
		o.AppCategory, o.AppRisk = v.App.Category, v.App.Risk
	}
}
