package config

// Complaint is an error or a warning as machines read it.
type Complaint struct {
	File    string `json:"file"`
	Line    int    `json:"line" doc:"from 1"`
	Column  int    `json:"column" doc:"from 1"`
	Level   string `json:"level" doc:"error or warning"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Complaints gives the errors for machines; level is error or warning.
func (e Errors) Complaints(level string) []Complaint {
	out := []Complaint{}
	for _, c := range e {
		out = append(out, Complaint{File: c.Pos.File, Line: c.Pos.Line, Column: c.Pos.Column, Level: level, Message: c.Msg, Hint: c.Hint})
	}
	return out
}
