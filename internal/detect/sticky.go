package detect

// checkSticky refuses a sticky buffer that nothing looks at: the rule would
// match as if the word weren't there. Suricata lets a repeated buffer of one
// instance pass, so that is no error here.
func (b *builder) checkSticky() error {
	for i, g := range b.groups {
		if g.word == nil || len(g.ops) > 0 || g.used || repeats(b.groups[:i], g) {
			continue
		}
		return &refusal{msg: g.word.Name + ": no content or other match follows it",
			hint: "remove it, or put what to look for behind it", pos: &g.word.Pos}
	}
	return nil
}

// repeats reports whether one of the groups before g tests g's buffer, of which
// there is one instance.
func repeats(before []*group, g *group) bool {
	for _, o := range before {
		if o.buf == g.buf && !g.buf.multi && len(o.ops) > 0 {
			return true
		}
	}
	return false
}
