package panapi

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/config/panos"
	"github.com/mirrorwall/mirrorwall/internal/console/tags"
)

// maxChanges bounds the tags of one message.
const maxChanges = 10_000

// userID registers and unregisters tags of addresses.
func (h *Handler) userID(q *request) (*reply, error) {
	if h.d.Tags == nil {
		return nil, refuse(codeCommand, "this console registers no tags")
	}
	if q.cmd == nil || q.cmd.root.Name != "uid-message" {
		return nil, refuse(codeMalformed, "want cmd=<uid-message>…</uid-message>")
	}
	payload := q.cmd.root.Kid("payload")
	if payload == nil {
		return nil, refuse(codeMalformed, "the message has no payload")
	}
	var all []tags.Change
	for _, part := range payload.Kids {
		if part.Name != "register" && part.Name != "unregister" {
			return nil, refuse(codeCommand, "%s is not answered here; want register or unregister", short(part.Name))
		}
		for _, e := range part.Entries() {
			list, err := changes(e, part.Name == "unregister")
			if err != nil {
				return nil, err
			}
			if all = append(all, list...); len(all) > maxChanges {
				return nil, refuse(codeInvalid, "a message has at most %d tags", maxChanges)
			}
		}
	}
	if err := h.d.Tags.Apply(all); err != nil {
		return nil, err
	}
	return &reply{result: "<uid-response><version>2.0</version><payload/></uid-response>"}, h.audit(q, "tags.register", fmt.Sprintf("%d tags", len(all)), "XML API")
}

func changes(e *panos.Node, remove bool) ([]tags.Change, error) {
	a, err := netip.ParseAddr(e.Attr("ip"))
	if err != nil {
		return nil, refuse(codeInvalid, "entry: ip=%q is no address", short(e.Attr("ip")))
	}
	var out []tags.Change
	tag := e.Kid("tag")
	if tag == nil {
		tag = &panos.Node{}
	}
	for _, m := range tag.Kids {
		if m.Name != "member" {
			continue
		}
		c := tags.Change{Address: a, Tag: m.Text, Remove: remove}
		if s := m.Attr("timeout"); s != "" {
			n, err := strconv.ParseUint(s, 10, 32)
			if err != nil {
				return nil, refuse(codeInvalid, "timeout=%q: want seconds", short(s))
			}
			c.For = time.Duration(n) * time.Second
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, refuse(codeInvalid, "the entry of %s has no tag", a)
	}
	return out, nil
}

func (h *Handler) showTags(*request) (*reply, error) {
	if h.d.Tags == nil {
		return &reply{result: "<count>0</count>"}, nil
	}
	all := h.d.Tags.Tags()
	out := ""
	for _, a := range slices.Sorted(maps.Keys(all)) {
		out += `<entry ip="` + escape(a) + `"><tag>`
		for _, t := range all[a] {
			out += el("member", t)
		}
		out += "</tag></entry>"
	}
	return &reply{result: out + el("count", fmt.Sprint(len(all)))}, nil
}
