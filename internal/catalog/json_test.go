package catalog_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

func write(t *testing.T, s *catalog.Snapshot) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestJSONRoundTrip(t *testing.T) {
	db := everything(t, 0)
	s := read(t, db.Super)
	first := write(t, s)
	back, err := catalog.ReadJSON(strings.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	if !back.Server.Offline || back.Relation(`"We ird"."Ta%b""le"`) == nil {
		t.Error("what was read is not marked offline, or not indexed")
	}
	if s.Fingerprint() != back.Fingerprint() {
		t.Error("the fingerprint changed by writing and reading")
	}
	if diff := cmp.Diff(first, strings.Replace(write(t, back), `"offline": true`, `"offline": false`, 1)); diff != "" {
		t.Errorf("written again it differs:\n%s", diff)
	}
	if strings.Contains(first, "hidden") || strings.Contains(first, "secret") {
		t.Error("a secret option is in the file")
	}
	again := read(t, db.Super)
	again.Server.TakenAt = s.Server.TakenAt
	if diff := cmp.Diff(first, write(t, again)); diff != "" {
		t.Errorf("two readings differ:\n%s", diff)
	}
}

// A file in which somebody wrote null for lists, or left them out, reads as one in which they are empty: two spellings of one state have
// one fingerprint, and are written back as one.
func TestNullLists(t *testing.T) {
	text := write(t, read(t, everything(t, 0).Super))
	whole, err := catalog.ReadJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	nulls := strings.ReplaceAll(text, ": []", ": null")
	if nulls == text {
		t.Fatal("no list is empty")
	}
	got, err := catalog.ReadJSON(strings.NewReader(nulls))
	if err != nil {
		t.Fatal(err)
	}
	if got.Fingerprint() != whole.Fingerprint() || write(t, got) != write(t, whole) {
		t.Errorf("they differ: %s", cmp.Diff(write(t, whole), write(t, got)))
	}
}

func TestReadJSONRefuses(t *testing.T) {
	good := `{"schema":"ringfence/snapshot/v1","server":{"version_num":150000},"roles":[{"name":"a"}]}`
	if _, err := catalog.ReadJSON(strings.NewReader(good)); err != nil {
		t.Fatalf("the positive control failed: %v", err)
	}
	for _, c := range []struct{ name, file, want string }{
		{"empty", ``, "the file is empty"},
		{"cut", good[:len(good)-5], "ends in the middle"},
		{"no_json", `hello`, "invalid character"},
		{"other_json", `{"a":1}`, "this is no snapshot"},
		{"other_schema", `{"schema":"ringfence/audit/v1"}`, `its schema is "ringfence/audit/v1"`},
		{"trailing", good + `{}`, "something follows"},
		{"old_server", strings.Replace(good, "150000", "90600", 1), "below 14"},
		{"wrong_type", strings.Replace(good, `"a"`, `7`, 1), "cannot unmarshal"},
		{"no_roles", strings.Replace(good, `{"name":"a"}`, ``, 1), "no roles"},
		{"nameless", strings.Replace(good, `"a"`, `""`, 1), "a role has no name"},
		{"twice", strings.Replace(good, `{"name":"a"}`, `{"name":"a"},{"name":"a"}`, 1), "role a is in it twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := catalog.ReadJSON(strings.NewReader(c.file))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	if _, err := catalog.ReadJSONLimit(strings.NewReader(good), 20); err == nil || !strings.Contains(err.Error(), "larger than 20") {
		t.Errorf("a file above the limit gave %v", err)
	}
}
