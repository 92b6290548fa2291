package match

// Kind says where in the buffer a Table entry must lie.
type Kind uint8

// Kinds of entry.
const (
	Exact  Kind = iota // equal to the whole buffer
	Suffix             // the buffer ends with it
	Prefix             // the buffer starts with it
)

// Entry is one literal of a Table.
type Entry struct {
	Bytes  []byte
	Nocase bool // ASCII case is ignored
	Kind   Kind
	ID     uint32
}

// Table finds the entries that equal, end or start a buffer, with one hash
// look-up for each distinct length.
type Table struct{}

// BuildTable compiles entries into a Table. The bytes are copied.
func BuildTable(entries []Entry) *Table { return &Table{} }

// Scan adds to h the ID of every entry that holds for b, each once.
func (t *Table) Scan(b []byte, h *Hits) {}
