// Package traffic makes packets: real exchanges of the protocols a cloud
// network carries, and of the attacks it suffers. The demo, the replay tests
// and the benchmarks live on it.
//
// It owns builders of frames, conversations that speak over them, and a list
// of scenarios. Everything is a function of a seed: the same seed makes the
// same bytes. Addresses are private (10/8) or for documentation (198.51.100/24
// and 203.0.113/24, RFC 5737; 2001:db8::/32, RFC 3849). It never sends
// anything and reads no clock.
package traffic

import (
	"cmp"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// Frame is one Ethernet frame as the mirror of an interface shows it.
type Frame struct {
	Time int64  // nanoseconds since the epoch
	Data []byte // Ethernet II, without FCS
	// ENI is the primary address of the mirrored interface: the outer source
	// of what the mirror sends.
	ENI netip.Addr
	// Scenario is the name of the scenario that the frame belongs to, empty for
	// a scene of one's own; Last marks the scenario's last frame. They are the
	// ground truth for what a sensor makes of the frames.
	Scenario string
	Last     bool
}

// Kinds of scenario.
const (
	Benign = "benign"
	Attack = "attack"
)

// Scenario is one thing that happens on a network.
type Scenario struct {
	Name  string // for command lines: "log4shell"
	Title string // for people
	Kind  string // Benign or Attack

	play   func(*Scene)
	weight int // how often Mix chooses it, relative to others
}

// Frames plays the scenario once, beginning at start, in order of time.
func (s Scenario) Frames(seed uint64, start time.Time) []Frame {
	h := fnv.New64a()
	h.Write([]byte(s.Name))
	sc := NewScene(seed^h.Sum64(), start)
	s.play(sc)
	fs := sc.Frames()
	for i := range fs {
		fs[i].Scenario, fs[i].Last = s.Name, i == len(fs)-1
	}
	return fs
}

// Scenarios lists all scenarios, the benign first.
func Scenarios() []Scenario {
	return slices.Concat(benignWeb(), benignServices(), benignInfra(), attacks())
}

const (
	// mixGap is the mean time between two scenarios of a mix.
	mixGap = 300 * time.Millisecond
	// attackGap is the mean time between two attacks of a mix, a quarter more
	// or less: all of them are under way within 100 seconds or so.
	attackGap = 10 * time.Second
	// firstAttack is when the first attack of a mix begins.
	firstAttack = 1500 * time.Millisecond
)

// Mix plays scenarios without end, as a small production network would: the
// benign by weight, a few a second and over each other, and each attack in
// turn every ten seconds or so, the first within two. Frames come in order of time, some
// 100 a second; the caller paces them and stops when it has enough.
func Mix(seed uint64, start time.Time) iter.Seq[Frame] {
	return func(yield func(Frame) bool) {
		m := newMixer(seed, start)
		for {
			m.next()
			n, _ := slices.BinarySearchFunc(m.pending, m.now, func(f Frame, t int64) int {
				return cmp.Compare(f.Time, t)
			})
			for _, f := range m.pending[:n] {
				if !yield(f) {
					return
				}
			}
			m.pending = slices.Delete(m.pending, 0, n)
		}
	}
}

// mixer schedules scenarios. Every frame before now is already pending, since
// scenarios start at now or later.
type mixer struct {
	rng     *rand.Rand
	benign  []Scenario // repeated by weight
	attacks []Scenario
	turn    int
	now     int64
	attack  int64 // time of the next one
	pending []Frame
}

func newMixer(seed uint64, start time.Time) *mixer {
	m := &mixer{rng: rand.New(rand.NewPCG(seed, 0x6d6978)), now: start.UnixNano()}
	for _, s := range Scenarios() {
		if s.Kind == Attack {
			m.attacks = append(m.attacks, s)
			continue
		}
		for range s.weight {
			m.benign = append(m.benign, s)
		}
	}
	m.attack = m.now + int64(firstAttack)
	return m
}

// next starts what is due and moves now on.
func (m *mixer) next() {
	s := m.benign[m.rng.IntN(len(m.benign))]
	if m.now >= m.attack {
		s = m.attacks[m.turn%len(m.attacks)]
		m.turn++
		m.attack += int64(attackGap)*3/4 + m.rng.Int64N(int64(attackGap)/2)
	}
	m.pending = append(m.pending, s.Frames(m.rng.Uint64(), time.Unix(0, m.now))...)
	slices.SortStableFunc(m.pending, byTime)
	m.now += m.wait(mixGap)
}

// wait draws from half to one and a half of a mean.
func (m *mixer) wait(mean time.Duration) int64 {
	return int64(mean)/2 + m.rng.Int64N(int64(mean))
}

func byTime(a, b Frame) int { return cmp.Compare(a.Time, b.Time) }
