package match

// Slow says why searches with r may be given up for their cost, or "". With a
// literal that every match contains most searches do not begin.
func (r *Regexp) Slow() string {
	if r.must != nil {
		return ""
	}
	return r.re.Slow()
}
