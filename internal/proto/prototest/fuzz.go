package prototest

import (
	"encoding/binary"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// A fuzz input is a byte of flags (1: datagrams) and then steps:
//
//	op 1 | length 2 | bytes      op&1 is the direction; op&6 == 6 is a hole of
//	                             length bytes, without bytes of its own
const (
	fuzzUDP  = 1
	fuzzHole = 6
)

// Fuzz feeds a parser directed pieces made from the fuzzer's input and checks
// the contract on each answer. The probe is passed by. Seeds are the cases.
func Fuzz(f *testing.F, d *proto.Descriptor, seeds []Case) {
	for i := range seeds {
		f.Add(encode(&seeds[i]))
	}
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, in []byte) {
		script, udp := decode(in, d)
		open := *d
		open.Probe = func(proto.Dir, []byte) proto.Verdict { return proto.Accept }
		play(t, &open, &Case{UDP: udp}, script, 0)
	})
}

func encode(c *Case) []byte {
	out := []byte{0}
	if c.UDP {
		out[0] = fuzzUDP
	}
	for _, s := range c.Script {
		for b := s.Bytes; len(b) > 0; {
			n := min(len(b), 0xffff)
			out = append(out, byte(s.Dir))
			out = binary.BigEndian.AppendUint16(out, uint16(n))
			out, b = append(out, b[:n]...), b[n:]
		}
	}
	return out
}

func decode(in []byte, d *proto.Descriptor) (script []step, udp bool) {
	if len(in) == 0 {
		return nil, !d.TCP
	}
	udp = d.UDP && (!d.TCP || in[0]&fuzzUDP != 0)
	for in = in[1:]; len(in) >= 3; {
		dir, n := proto.Dir(in[0]&1), int(binary.BigEndian.Uint16(in[1:]))
		if in[0]&fuzzHole == fuzzHole {
			if !udp {
				script = append(script, step{dir: dir, gap: n + 1})
			}
			in = in[3:]
			continue
		}
		n = min(n, len(in)-3)
		script = append(script, step{dir: dir, b: in[3 : 3+n]})
		in = in[3+n:]
	}
	return script, udp
}
