package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func text(s string) *string { return &s }

// proof holds one cell of each kind: every verdict, a path, a witness, one accepted, one unusable, and hostile names.
func proof() *Report {
	cell := func(relation, command string, v prove.Verdict, why string) prove.Cell {
		return prove.Cell{Role: "app", Relation: relation, Command: command, Kind: "isolation", Path: []reach.Hop{}, Verdict: v, Why: why}
	}
	leak := cell(`"ti ll"."<script>alert(1)</script>"`, "SELECT", prove.Leak, "the owner is not forced")
	leak.Path = []reach.Hop{{Via: "set_role", Name: "owner & co"}, {Via: "view", Name: `"ti ll"."a""b"`}}
	leak.Witness = &prove.Witness{Row: map[string]*string{"tenant_id": text("7"), "note": nil}, Context: map[string]*string{"app.tenant": nil},
		Statement: `SET ROLE "owner & co"; SELECT * FROM "ti ll"."a""b"`, Executed: "expression", Evaluated: "SELECT NOT row_security_active('x')"}
	accepted := cell("public.country", "UPDATE", prove.Leak, "reference data that a tenant may write")
	accepted.Witness = &prove.Witness{Row: map[string]*string{}, Context: map[string]*string{}, Executed: "no"}
	accepted.Accepted = &prove.Accepted{Reason: "a <b>legacy</b> job", By: "someone@example.com", Until: "2030-01-01"}
	unproven := cell("public.order", "INSERT", prove.Unproven, "dynamic SQL in public.f(text)")
	unproven.Variant, unproven.Makes = "on_conflict", "write it so that it can be read"
	probed := cell("public.order", "DELETE", prove.Probed, "not decided by logic; every probe held")
	probed.Probes = []prove.Probe{{Name: "delete_by_key", Outcome: "held"}}
	unusable := cell("public.order", "SELECT", prove.Proved, "the policies ask for themselves")
	unusable.Unusable, unusable.Premises = true, []string{"public.members is written by no application role"}
	cells := []prove.Cell{leak, accepted, probed, unproven, unusable}
	isolation, inference, n := prove.Summary(cells)
	return &Report{Prove: &Prove{
		Schema: ProveVersion, Server: Server{VersionNum: 150020, Database: "app"},
		Model: Model{TenantColumns: []string{"tenant_id"}, Contexts: []string{"app.tenant"}, Roles: []tenancy.Role{}, Tables: []Table{}, Questions: []tenancy.Question{}},
		Cells: cells, Summary: ProveSummary{Isolation: isolation, Inference: inference, Accepted: n}, Notes: []string{"not executed: 1 leak: why & wherefore"},
	}}
}

// TestProveFormats holds every format of a proof to its golden file.
func TestProveFormats(t *testing.T) {
	for _, f := range Formats() {
		t.Run(f.Name, func(t *testing.T) {
			r := proof()
			if f.Writes != nil && !f.Writes(r) {
				t.Fatal("the format has no form for a proof")
			}
			var got bytes.Buffer
			if err := f.Write(&got, r, Options{Width: 100}); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "prove."+f.Name+".golden")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestProveHTML lets nothing of the database become markup, and loads nothing from elsewhere.
func TestProveHTML(t *testing.T) {
	var got bytes.Buffer
	if err := htmlFormat.Write(&got, proof(), Options{}); err != nil {
		t.Fatal(err)
	}
	page := got.String()
	for _, bad := range []string{"<script", "<b>legacy", "http://", "https://", "src="} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	path := regexp.MustCompile(`<b title="[a-z ]*">([^<]*)</b>(?:<small>([^<]*)</small>)?`)
	var drawn []string
	for _, m := range path.FindAllStringSubmatch(page[:strings.Index(page, "</article>")], -1) {
		drawn = append(drawn, m[1], m[2])
	}
	want := []string{"app", "set role →", "owner &amp; co", "view →", `&#34;ti ll&#34;.&#34;a&#34;&#34;b&#34;`, "SELECT →",
		`&#34;ti ll&#34;.&#34;&lt;script&gt;alert(1)&lt;/script&gt;&#34;`, "isolation →", "another tenant&#39;s row", ""}
	if diff := cmp.Diff(want, drawn); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(page, "prefers-color-scheme:dark") || !strings.Contains(page, `SET ROLE &#34;owner &amp; co&#34;; SELECT`) {
		t.Error("the page has no dark form, or lacks the statement that reproduces the leak")
	}
}

// TestProveJSON shows lists as lists, and gives back what it wrote.
func TestProveJSON(t *testing.T) {
	empty := &Report{Prove: &Prove{Schema: ProveVersion, Cells: some[prove.Cell](nil)}}
	var got bytes.Buffer
	if err := WriteJSON(&got, empty.Document()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.String(), `"cells": []`) {
		t.Errorf("no cells are not []: %s", got.String())
	}
	var one, two bytes.Buffer
	if err := WriteJSON(&one, proof().Document()); err != nil {
		t.Fatal(err)
	}
	back, err := ReadJSON(bytes.NewReader(one.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteJSON(&two, back.Document()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(one.String(), two.String()); diff != "" {
		t.Error(diff)
	}
	var doc map[string]any
	if err := json.Unmarshal(one.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, c := range doc["cells"].([]any) {
		if _, ok := c.(map[string]any)["path"].([]any); !ok {
			t.Errorf("a path that is no list: %v", c)
		}
	}
}
