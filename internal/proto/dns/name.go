package dns

// nameFlags say what was wrong with a name that could still be read.
type nameFlags uint8

const (
	nameTruncated nameFlags = 1 << iota
	nameLoop
	nameTooManyLabels
)

// span is a place in Tx.mem.
type span struct {
	off, len uint32
}

// name is a decoded name: labels joined by dots, without the root's.
type name struct {
	span
	flags nameFlags
}

// memo remembers the names last decoded by their offset, so that the pointers
// of a message's records to its question cost nothing.
type memo struct {
	off  uint16 // 0 is unused: no name starts in the header
	name name
}

const memoSize = 16

// readName decodes the name at pos, which must end before end unless it jumps,
// and returns the position behind it. It fails where Suricata does: a label or
// pointer beyond the message, a reserved label type, a loop before any jump.
//
// At most maxSteps labels and pointers are read, and at most maxNameBytes are
// written for a whole message, however its names point at each other.
func (t *Tx) readName(pos, end int) (n name, next int, ok bool) {
	msg := t.mem[:t.size]
	key, behind := pos, -1
	if pos+2 <= end && msg[pos] >= 0xc0 {
		key, behind = int(msg[pos]&0x3f)<<8|int(msg[pos+1]), pos+2
	}
	m := &t.memo[key%memoSize]
	if behind >= 0 && m.off != 0 && int(m.off) == key {
		return m.name, behind, true
	}
	n, next, ok = t.decodeName(msg, pos, end)
	// A name that ended with its record's data would go on for a pointer.
	if ok && key > 0 && key <= 0x3fff && (behind >= 0 || end == len(msg)) {
		*m = memo{uint16(key), n}
	}
	return n, next, ok
}

// decodeName is readName without the memory.
func (t *Tx) decodeName(msg []byte, pos, end int) (n name, next int, ok bool) {
	n.off = uint32(len(t.mem))
	next = -1
	for steps := 0; pos < end; steps++ {
		t.steps++
		c := int(msg[pos])
		if steps == maxSteps {
			n.flags |= nameTooManyLabels | nameTruncated
			break
		}
		switch c & 0xc0 {
		case 0xc0:
			if pos+2 > end {
				return n, 0, false
			}
			target := (c&0x3f)<<8 | int(msg[pos+1])
			if target > len(msg) {
				return n, 0, false
			}
			if target == pos {
				n.flags |= nameLoop
				return t.endName(n, next)
			}
			if next < 0 {
				next = pos + 2
			}
			pos, end = target, len(msg)
			continue
		case 0:
		default:
			return n, 0, false
		}
		pos++
		if c == 0 {
			if next < 0 {
				next = pos
			}
			return t.endName(n, next)
		}
		if pos+c > end {
			return n, 0, false
		}
		t.addLabel(&n, msg[pos:pos+c])
		pos += c
		if n.flags&nameTruncated != 0 && next >= 0 {
			break
		}
	}
	if next < 0 && pos >= end {
		next = end
	}
	return t.endName(n, next)
}

// endName gives the name back, unless nobody knows where it ends.
func (t *Tx) endName(n name, next int) (name, int, bool) {
	n.len = uint32(len(t.mem)) - n.off
	return n, next, next >= 0
}

func (t *Tx) addLabel(n *name, label []byte) {
	if n.flags&nameTruncated != 0 {
		return
	}
	room := min(MaxName-(len(t.mem)-int(n.off)), maxNameBytes-(len(t.mem)-t.size))
	if len(t.mem) > int(n.off) && room > 0 {
		t.mem = append(t.mem, '.')
		room--
	}
	if len(label) > room {
		label = label[:max(room, 0)]
		n.flags |= nameTruncated
	}
	t.mem = append(t.mem, label...)
}
