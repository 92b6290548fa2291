package proto

// Bounds of one session.
const (
	// maxRest bounds the bytes of one direction that wait for a parser. A parser
	// that wants more than this at once has lost its way.
	maxRest = 256 << 10
	// keepRest bounds the memory of one direction that outlives what it held.
	keepRest = 4 * MaxProbe
	// maxUpgrades is how often a flow may change its protocol. Every change
	// offers what is held again, so that nested CONNECTs would cost its square.
	maxUpgrades = 8
	// maxSpare is how many sessions, and parsers of each protocol, wait for the
	// next flow; what a burst of flows left beyond them is given back.
	maxSpare = 1024
)

// maxDatagramProbes is how many datagrams of one direction are offered to the
// probes before the flow counts as not recognised.
const maxDatagramProbes = 4

// Counters of one Pool; plain integers, read by a snapshot of their worker.
type Counters struct {
	Found       []uint64 // flows by registry index
	Failed      uint64   // flows whose first bytes no probe knew
	Panics      uint64   // parser bugs caught; the flow lost its parser
	RestFull    uint64   // times that bytes were given up because too many waited
	UpgradeFull uint64   // flows given up because they changed protocol too often
	ParserStops uint64   // directions a parser gave up on
	Gaps        uint64   // gaps handed to parsers
}

// Pool makes and recycles the sessions of one worker.
type Pool struct {
	Registry *Registry
	Counters Counters
	// Now is packet time in nanoseconds; the sensor sets it for each packet.
	Now int64
	// RethrowPanics makes a parser's panic fatal; tests set it.
	RethrowPanics bool
	// Frames are, by registry index, the frames that are wanted of the flows
	// that begin from now on.
	Frames []FrameSet

	cfg        *Config
	free       []*Session
	parsers    [][]Parser
	freeFrames []*Frames
}

// NewPool makes a pool for one worker.
func NewPool(r *Registry, cfg *Config) *Pool {
	return &Pool{
		Registry: r, cfg: cfg,
		parsers:  make([][]Parser, len(r.Descriptors)),
		Counters: Counters{Found: make([]uint64, len(r.Descriptors))},
	}
}

// Get returns a session for a new flow.
func (pl *Pool) Get(udp bool, serverPort, clientPort uint16) *Session {
	var s *Session
	if n := len(pl.free); n > 0 {
		s = pl.free[n-1]
		pl.free[n-1] = nil
		pl.free = pl.free[:n-1]
	} else {
		s = &Session{order: make([]int, 0, len(pl.Registry.Descriptors))}
	}
	s.reset(pl, udp)
	s.order = pl.Registry.order(s.order[:0], udp, serverPort, clientPort)
	return s
}

// Put takes a session back when its flow has ended.
func (pl *Pool) Put(s *Session) {
	s.dropParser()
	for d := range s.rest {
		if s.full[d] > 0 && len(s.rest[d]) > 0 {
			pl.Counters.RestFull++
		}
		s.empty(Dir(d))
	}
	if len(pl.free) < maxSpare {
		pl.free = append(pl.free, s)
	}
}

// Session is one flow's application layer: it finds the protocol, buffers what
// the parser has not used, and calls the parser. The sensor keeps it in
// flow.Flow.App; others only read its fields, but for Dirty.
type Session struct {
	// Proto is the protocol found, nil before that and when none was.
	Proto *Descriptor
	// Index is Proto's place in the Registry, -1 without one.
	Index int
	// Parser is nil before a protocol is found.
	Parser Parser
	// By is the protocol that a direction's own first bytes are of. The parser
	// is that of the direction that was known first; see Decided.
	By [2]*Descriptor
	// Failed: no protocol was recognised in this direction.
	Failed [2]bool
	// Events are the oddities of protocol detection so far.
	Events DetectionEvents
	// Seen: this direction has had bytes.
	Seen [2]bool
	// Original is the protocol before an upgrade, from when it is asked for; nil
	// without one.
	Original *Descriptor
	// Changes is how often the flow has changed its protocol.
	Changes uint8
	// Encrypted: payload is ciphertext from here on.
	Encrypted bool
	// Calls counts the parser's calls by direction: what does not change has
	// brought nothing new.
	Calls [2]uint64
	// Dirty: the parser was called since the sensor last looked at Txs and
	// cleared it.
	Dirty bool

	pool      *Pool
	udp       bool
	order     []int // candidates, best first
	rejected  [2]uint64
	rest      [2][]byte
	head      [2][]byte // first bytes of a direction that may yet be known
	early     bool      // the side spoke first that has to wait
	said      int       // bytes of an unknown direction without an answer
	need      [2]int
	lost      [2]int // bytes missing behind rest that no parser was told of
	stopped   [2]bool
	full      [2]int // live transactions that the parser has too many of; 0: takes more
	closed    [2]bool
	told      [2]bool // the parser knows that the direction is closed
	datagrams [2]uint8
	late      int    // chunks that late probes may still see
	upgrade   string // the protocol that Settle begins
	frames    *Frames
}

func (s *Session) reset(pl *Pool, udp bool) {
	*s = Session{
		Index: -1, pool: pl, udp: udp, order: s.order, late: maxLate,
		rest: [2][]byte{s.rest[0][:0], s.rest[1][:0]},
		head: [2][]byte{s.head[0][:0], s.head[1][:0]},
	}
}

func (s *Session) dropParser() {
	if s.Parser != nil {
		s.Parser.Reset()
		if spare := &s.pool.parsers[s.Index]; len(*spare) < maxSpare {
			*spare = append(*spare, s.Parser)
		}
		s.Parser = nil
	}
	if s.frames != nil {
		s.pool.putFrames(s.frames)
		s.frames = nil
	}
}

// Txs returns the live transactions, oldest first; nil without a parser.
func (s *Session) Txs() []Tx {
	if s == nil || s.Parser == nil {
		return nil
	}
	return s.Parser.Txs()
}

// Data hands over the next bytes of one direction: stream bytes, or one
// datagram. b is borrowed.
func (s *Session) Data(d Dir, b []byte) {
	if len(b) == 0 {
		return
	}
	s.Seen[d] = true
	switch {
	case s.full[d] > 0 && s.lost[d] > 0:
		s.lost[d] += len(b)
		s.pool.Counters.RestFull++
	case s.lost[d] > 0 && (s.Parser == nil || s.upgrade != ""):
		s.lost[d] += len(b)
		if s.upgrade == "" {
			s.probeLate(d, b)
		}
	case s.upgrade != "" || s.full[d] > 0 && !s.udp:
		s.rest[d] = append(s.rest[d], b...)
		s.bound(d)
	case s.Parser != nil:
		if s.By[d] == nil && !s.Failed[d] {
			s.examine(d, b)
		}
		s.parse(d, b)
	case !s.Failed[d]:
		s.probe(d, b)
	default:
		s.unanswered(d, len(b))
		s.probeLate(d, b)
	}
}

// maxLate is how many chunks of an unknown flow are offered to late probes.
const maxLate = 64

// probeLate looks for a protocol that begins inside an unknown one: STARTTLS
// in a protocol without a parser here.
func (s *Session) probeLate(d Dir, b []byte) {
	if s.late == 0 || s.udp || len(b) == 0 {
		return
	}
	s.late--
	view := b[:min(len(b), MaxProbe)]
	for _, i := range s.order {
		desc := s.pool.Registry.Descriptors[i]
		if !desc.Late || desc.Probe(d, view) != Accept {
			continue
		}
		s.Failed, s.lost = [2]bool{}, [2]int{}
		s.rejected = [2]uint64{}
		s.begin(i)
		s.By[d] = desc
		s.feed(d, b)
		return
	}
}

// Gap says that n bytes of a stream are missing.
func (s *Session) Gap(d Dir, n int) {
	switch {
	case s.Parser == nil:
		// A hole in the first bytes: nothing can be recognised behind it. A
		// parser that the other direction finds is told.
		s.fail(d)
		s.lost[d] += n
		return
	case s.upgrade != "" || s.full[d] > 0:
		s.lost[d] += n
		return
	}
	s.pool.Counters.Gaps++
	if s.By[d] == nil && !s.Failed[d] {
		s.By[d] = s.Proto // behind a hole the other direction's word counts
	}
	s.frames.gap(d, n)
	s.empty(d)
	if s.stopped[d] {
		return
	}
	s.guard(func() {
		s.called(d)
		if !s.Parser.Gap(d, n) {
			s.stop(d)
		}
	})
}

// Close says that a direction has ended.
func (s *Session) Close(d Dir) {
	s.closed[d] = true
	s.finish(d)
	s.frames.close(d)
}

// finish tells the parser, once, that a direction has ended.
func (s *Session) finish(d Dir) {
	if s.Parser == nil || s.told[d] || s.full[d] > 0 {
		return
	}
	s.told[d] = true
	s.guard(func() {
		s.called(d)
		s.Parser.Close(d)
	})
}

// Due reports whether a protocol change waits for Settle.
func (s *Session) Due() bool {
	return s != nil && s.upgrade != "" && (s.lost != [2]int{} || len(s.rest[0])+len(s.rest[1]) > 0)
}

// Settle goes on with what had to wait until the transactions so far were
// inspected, logged and freed: what a parser left that was full, and a protocol
// change that one asked for, once the next one's first bytes are there. It
// reports whether there is something new to inspect; the sensor calls it until
// it returns false, which the bytes that wait and maxUpgrades see to.
func (s *Session) Settle() bool {
	switch {
	case s == nil || s.upgrade != "" && !s.Due():
		return false
	case s.upgrade == "":
		news := s.refill(ToServer)
		return s.refill(ToClient) || news
	}
	name := s.upgrade
	s.upgrade, s.Proto = "", nil
	s.Changes++
	s.dropParser()
	s.Index = -1
	s.By, s.Failed, s.rejected, s.stopped = [2]*Descriptor{}, [2]bool{}, [2]uint64{}, [2]bool{}
	s.early, s.full = false, [2]int{}
	if i, ok := s.pool.Registry.ByName(name); ok {
		s.begin(i)
		s.replay()
		return s.Dirty
	}
	for _, d := range [2]Dir{ToServer, ToClient} {
		if s.Parser == nil && len(s.rest[d]) > 0 {
			s.probe(d, nil)
		}
	}
	for d, n := range s.lost {
		if s.Parser == nil && n > 0 {
			s.fail(Dir(d))
		}
	}
	return s.Dirty
}

// refill offers the parser again what it left of d when it was full, once
// transactions were freed. It reports whether that changed anything.
func (s *Session) refill(d Dir) bool {
	if s.full[d] == 0 || s.upgrade != "" || len(s.Txs()) >= s.full[d] {
		return false
	}
	s.full[d] = 0
	held := len(s.rest[d])
	if held > 0 {
		s.feed(d, nil)
	}
	if s.full[d] > 0 {
		return len(s.rest[d]) < held
	}
	if n := s.lost[d]; n > 0 && s.upgrade == "" {
		s.lost[d] = 0
		s.Gap(d, n)
	}
	if s.closed[d] {
		s.finish(d)
	}
	return true
}

// probe offers the first bytes to every candidate that has not refused yet.
func (s *Session) probe(d Dir, b []byte) {
	view := b
	if !s.udp {
		s.rest[d] = append(s.rest[d], b[:min(len(b), maxRest-len(s.rest[d]))]...)
		view = s.rest[d][:min(len(s.rest[d]), MaxProbe)]
	}
	i, waiting := s.ask(d, view)
	switch {
	case i >= 0:
		s.found(i, d, b)
		return
	case s.more(d, waiting, len(view)):
		return
	}
	s.fail(d)
	s.probeLate(d, b)
}

func (s *Session) fail(d Dir) {
	if !s.Failed[d] && !s.Failed[d.Opposite()] {
		s.pool.Counters.Failed++
	}
	s.Failed[d] = true
	s.empty(d)
}

// empty forgets what is held of a direction; much memory is not kept for it.
func (s *Session) empty(d Dir) {
	s.rest[d], s.need[d] = s.rest[d][:0], 0
	if cap(s.rest[d]) > keepRest {
		s.rest[d] = nil
	}
}

func (s *Session) begin(i int) {
	s.Index, s.Proto = i, s.pool.Registry.Descriptors[i]
	s.pool.Counters.Found[i]++
	free := &s.pool.parsers[i]
	if n := len(*free); n > 0 {
		s.Parser = (*free)[n-1]
		(*free)[n-1] = nil
		*free = (*free)[:n-1]
	} else {
		s.Parser = s.Proto.New(s.pool.cfg)
	}
	if p, ok := s.Parser.(transportUser); ok {
		p.SetTransport(s.udp)
	}
	if p, ok := s.Parser.(timeUser); ok {
		p.SetTime(s.pool.Now / 1e9)
	}
	if p, ok := s.Parser.(originUser); ok && s.Original != nil {
		p.SetOrigin(s.Original.Name)
	}
	if p, ok := s.Parser.(frameUser); ok {
		s.frames = s.pool.getFrames(i)
		p.SetFrames(s.frames)
	}
	s.need, s.told = [2]int{}, [2]bool{}
	s.Dirty = true
}

// What some parsers want to know of their flow before its first bytes.
type (
	// transportUser frames its messages by transport.
	transportUser interface{ SetTransport(udp bool) }
	// timeUser compares with packet time, in seconds since 1970.
	timeUser interface{ SetTime(unix int64) }
	// originUser says in its records what it was upgraded from.
	originUser interface{ SetOrigin(name string) }
	// frameUser tells of its frames; nil says that nobody wants them.
	frameUser interface{ SetFrames(f *Frames) }
)

// found starts the parser and gives it what there is: b is the datagram.
func (s *Session) found(i int, d Dir, b []byte) {
	s.begin(i)
	s.By[d] = s.Proto
	o := d.Opposite()
	s.early = s.Proto.First != 0 && !s.Proto.First.Has(d) && !s.Seen[o]
	if s.Failed[o] {
		s.Events.add(EventOneDirection)
	}
	if s.udp {
		s.feed(d, b)
		return
	}
	s.replay()
}

// replay gives a new parser what was held back, the client's bytes first: they
// were sent first in every protocol but those with a banner, whose parsers take
// either order. When the parser asks for another protocol meanwhile, the rest
// is held for that one.
func (s *Session) replay() {
	for _, d := range [2]Dir{ToServer, ToClient} {
		if s.Parser != nil && s.upgrade == "" && len(s.rest[d]) > 0 {
			if s.By[d] == nil && !s.Failed[d] {
				s.examine(d, s.rest[d])
			}
			s.feed(d, nil)
		}
		if n := s.lost[d]; n > 0 && s.upgrade == "" {
			s.lost[d] = 0
			s.Gap(d, n)
		}
		if s.closed[d] {
			s.finish(d)
		}
	}
}

func (s *Session) parse(d Dir, b []byte) {
	if s.stopped[d] {
		return
	}
	s.feed(d, b)
}

// feed calls the parser with what is held back and b, and keeps what it leaves.
func (s *Session) feed(d Dir, b []byte) {
	view, held := b, len(s.rest[d]) > 0
	if held {
		s.rest[d] = append(s.rest[d], b...)
		view = s.rest[d]
	}
	if len(view) < s.need[d] && !s.udp {
		if !held {
			s.rest[d] = append(s.rest[d], b...)
		}
		s.bound(d)
		return
	}
	var pr Progress
	s.frames.give(d, view, s.udp)
	if !s.guard(func() { pr = s.Parser.Data(d, view) }) {
		return
	}
	s.called(d)
	s.Encrypted = s.Encrypted || pr.Encrypted
	if s.udp {
		if pr.Stop {
			s.stop(d)
		}
		if pr.Full {
			s.pool.Counters.RestFull++
		}
		return
	}
	if pr.Full {
		s.full[d] = len(s.Parser.Txs())
	}
	used := min(max(pr.Used, 0), len(view))
	s.frames.took(d, used)
	s.need[d] = pr.Need
	if pr.Upgrade != "" && !s.change(pr.Upgrade) {
		return
	}
	switch {
	case pr.Stop && s.upgrade == "":
		s.stop(d)
	case held && used > 0:
		s.rest[d] = s.rest[d][:copy(s.rest[d], view[used:])]
	case !held && used < len(view):
		s.rest[d] = append(s.rest[d], view[used:]...)
	}
	s.bound(d)
}

func (s *Session) called(d Dir) {
	s.Dirty = true
	s.Calls[d]++
}

// change notes that another protocol follows. A flow that has changed too
// often is given up.
func (s *Session) change(name string) bool {
	if s.Changes == maxUpgrades {
		s.pool.Counters.UpgradeFull++
		s.stop(ToServer)
		s.stop(ToClient)
		return false
	}
	s.upgrade, s.Original = name, s.Proto
	return true
}

// bound gives up on a direction of which too much is held; of what waits for
// the next protocol, or for transactions to be freed, the surplus is a gap.
func (s *Session) bound(d Dir) {
	over := len(s.rest[d]) - maxRest
	if over <= 0 {
		return
	}
	s.pool.Counters.RestFull++
	if s.upgrade != "" || s.full[d] > 0 {
		s.rest[d] = s.rest[d][:maxRest]
		s.lost[d] += over
		return
	}
	s.stop(d)
}

func (s *Session) stop(d Dir) {
	if !s.stopped[d] {
		s.pool.Counters.ParserStops++
	}
	s.stopped[d], s.full[d] = true, 0
	s.empty(d)
}

// guard runs a parser call. A panic is our bug: it costs this flow its parser,
// is counted, and the sensor goes on.
func (s *Session) guard(call func()) (ok bool) {
	defer func() {
		if ok {
			return
		}
		if s.pool.RethrowPanics {
			return
		}
		if recover() != nil {
			s.pool.Counters.Panics++
			s.Parser, s.Proto, s.Index = nil, nil, -1
			s.By, s.Failed, s.lost = [2]*Descriptor{}, [2]bool{true, true}, [2]int{}
			s.upgrade, s.late, s.full = "", 0, [2]int{}
			s.empty(ToServer)
			s.empty(ToClient)
		}
	}()
	call()
	return true
}
