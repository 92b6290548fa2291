package record

import (
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/base/jsonx"
)

// appendMetadata writes what rules have noted: "traffic" for the flowbits
// traffic/id/X and traffic/label/X, "metadata" for the rest.
func appendMetadata(b []byte, m *Metadata) []byte {
	plain, id, label := 0, 0, 0
	for _, n := range m.Flowbits {
		switch {
		case strings.HasPrefix(n, trafficID):
			id++
		case strings.HasPrefix(n, trafficLabel):
			label++
		default:
			plain++
		}
	}
	if id+label > 0 {
		b = append(jsonx.Key(b, "traffic"), '{')
		b = appendWithPrefix(b, "id", m.Flowbits, trafficID, id)
		b = append(appendWithPrefix(b, "label", m.Flowbits, trafficLabel, label), '}')
	}
	if plain+len(m.Flowints)+len(m.FlowVars)+len(m.PacketVars) == 0 {
		return b
	}
	b = append(jsonx.Key(b, "metadata"), '{')
	b = appendVars(b, "pktvars", m.PacketVars)
	b = appendVars(b, "flowvars", m.FlowVars)
	b = appendPlainBits(b, m.Flowbits, plain)
	if len(m.Flowints) > 0 {
		b = append(jsonx.Key(b, "flowints"), '{')
		for _, x := range m.Flowints {
			b = jsonx.Uint(b, x.Name, x.Value)
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

func appendPlainBits(b []byte, names []string, n int) []byte {
	if n == 0 {
		return b
	}
	b = append(jsonx.Key(b, "flowbits"), '[')
	for _, n := range names {
		if !strings.HasPrefix(n, trafficID) && !strings.HasPrefix(n, trafficLabel) {
			b = jsonx.AppendString(jsonx.Comma(b), n)
		}
	}
	return append(b, ']')
}

// appendVars writes a list of objects with one field each: names may repeat.
func appendVars(b []byte, name string, vars []Var) []byte {
	if len(vars) == 0 {
		return b
	}
	b = append(jsonx.Key(b, name), '[')
	for _, v := range vars {
		b = append(appendVar(append(jsonx.Comma(b), '{'), v), '}')
	}
	return append(b, ']')
}

// appendVar writes a field whose name comes from a rule or from traffic.
func appendVar(b []byte, v Var) []byte {
	b = append(jsonx.AppendString(jsonx.Comma(b), v.Name), ':')
	return jsonx.AppendString(b, v.Value)
}

// appendContext writes the object "context" inside an alert.
func appendContext(b []byte, vars []Var) []byte {
	if len(vars) == 0 {
		return b
	}
	b = append(jsonx.Key(b, "context"), '{')
	for _, v := range vars {
		b = appendVar(b, v)
	}
	return append(b, '}')
}

// Flowbits of these forms describe the traffic (Suricata's traffic-id rules).
const (
	trafficID    = "traffic/id/"
	trafficLabel = "traffic/label/"
)

func appendWithPrefix(b []byte, key string, names []string, prefix string, n int) []byte {
	if n == 0 {
		return b
	}
	b = append(jsonx.Key(b, key), '[')
	for _, name := range names {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			b = jsonx.AppendString(jsonx.Comma(b), rest)
		}
	}
	return append(b, ']')
}
