package rule

// String prints the rule in one line; parsing it gives the rule again.
func (r *Rule) String() string { return r.Text }
