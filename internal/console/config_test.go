package console

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/config/lifecycle"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
)

func body[T any](tb testing.TB, w *httptest.ResponseRecorder) (out T) {
	tb.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		tb.Fatal(err, w.Body)
	}
	return out
}

// committed asks for a commit and waits for its end.
func (f *fixture) committed(cookie, request string) CommitJob {
	f.tb.Helper()
	j := body[CommitJob](f.tb, f.do(202, cookie, "POST /api/v1/config/commit", request))
	for j.State == lifecycle.Queued || j.State == lifecycle.Working {
		time.Sleep(time.Millisecond)
		j = body[CommitJob](f.tb, f.do(200, cookie, fmt.Sprintf("GET /api/v1/config/jobs/%d", j.ID), ""))
	}
	return j
}

// TestConfig: the life of a configuration through the API, by people of several
// roles, with every change on the audit log.
func TestConfig(t *testing.T) {
	f := newFixture(t).setup()
	admin, reader, auditor := f.login(access.DeviceAdmin), f.login(access.Analyst), f.login(access.Auditor)
	const text = `{"text":"version: 1\nstate: two\n"}`
	f.do(403, reader, "PUT /api/v1/config/candidate", text)
	st := body[ConfigStatus](t, f.do(200, admin, "PUT /api/v1/config/candidate", text))
	if !st.Changed || st.Managed || len(st.Edits) != 1 || st.Edits[0] != (lifecycle.Edit{Author: "deviceadmin", Section: "state"}) {
		t.Errorf("%+v", st)
	}
	if got := body[ConfigText](t, f.do(200, reader, "GET /api/v1/config/candidate", "")); got.Text != "version: 1\nstate: two\n" || got.ETag != st.ETag {
		t.Errorf("%+v", got)
	}
	if d := f.do(200, reader, "GET /api/v1/config/diff", "").Body.String(); !strings.Contains(d, `"path":"state"`) {
		t.Error(d)
	}
	f.do(412, admin, "PUT /api/v1/config/candidate", `{"text":"version: 1\n"}`, "If-Match", "old")
	f.do(200, admin, "PUT /api/v1/config/saved/mine", "")
	f.do(422, admin, "PUT /api/v1/config/saved/.mine", "")

	// What is wrong says where.
	f.do(200, admin, "PUT /api/v1/config/candidate", `{"text":"version: 1\nstat: two\n"}`, "If-Match", st.ETag)
	v := body[ConfigValidation](t, f.do(200, reader, "POST /api/v1/config/candidate/validate", ""))
	if len(v.Errors) != 1 || v.Errors[0].Line != 2 || v.Errors[0].Column != 1 || !strings.Contains(v.Errors[0].Hint, "state") {
		t.Errorf("%+v", v)
	}
	if j := f.committed(admin, `{}`); j.State != lifecycle.Failed || len(j.Errors) != 1 || j.Errors[0].Line != 2 {
		t.Errorf("%+v", j)
	}
	p := body[Problem](t, f.do(422, admin, "PUT /api/v1/config/candidate", `{"text":"version: [1\n"}`))
	if len(p.Complaints) != 1 || p.Complaints[0].Line == 0 {
		t.Errorf("%+v", p)
	}

	f.do(200, admin, "POST /api/v1/config/saved/mine/load", "")
	f.do(404, admin, "POST /api/v1/config/saved/yours/load", "")
	f.do(200, admin, "PUT /api/v1/config/locks/commit", `{"comment":"mine"}`)
	f.do(409, f.login(access.Superuser), "POST /api/v1/config/commit", `{}`)
	if j := f.committed(admin, `{"comment":"the second","confirm_seconds":60}`); j.State != lifecycle.Done || j.Version != 2 {
		t.Errorf("%+v", j)
	}
	if st := body[ConfigStatus](t, f.do(200, admin, "POST /api/v1/config/confirm", "")); !st.Managed || !st.Confirm.IsZero() || st.Running.Comment != "the second" {
		t.Errorf("%+v", st)
	}
	f.do(409, admin, "POST /api/v1/config/confirm", "")
	f.do(200, admin, "DELETE /api/v1/config/locks/commit", "")
	f.do(404, admin, "POST /api/v1/config/versions/9/restore", "")
	f.do(200, admin, "POST /api/v1/config/versions/1/restore", "")
	if j := f.committed(admin, `{"mine":true}`); j.State != lifecycle.Done || j.Version != 3 {
		t.Errorf("%+v", j)
	}
	if got := body[[]lifecycle.Version](t, f.do(200, reader, "GET /api/v1/config/versions", "")); len(got) != 3 || got[0].Only != "deviceadmin" || !got[2].File {
		t.Errorf("%+v", got)
	}
	f.do(409, admin, "DELETE /api/v1/config/jobs/1", "")
	log := f.do(200, auditor, "GET /api/v1/audit?limit=100", "").Body.String()
	for _, a := range []string{"edit", "save", "load", "lock", "commit", "confirm", "unlock", "restore"} {
		if !strings.Contains(log, `"config.`+a+`"`) {
			t.Errorf("%s is not on the audit log", a)
		}
	}
	if strings.Contains(log, "state: two") {
		t.Error("the audit log holds the text")
	}
}
