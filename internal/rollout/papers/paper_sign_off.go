package papers

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

var signOff = Paper{File: "SIGNOFF.md", Title: "Sign-offs", Write: func(b *strings.Builder, in *Input) {
	b.WriteString("Each item is a fact that was measured, or what the signer says by signing, kept apart. A signature covers the plan, its way back, what was asked for, the evidence and the target.\n\n")
	for i := range in.Bundle.State.Rollout.Stages {
		stage := &in.Bundle.State.Rollout.Stages[i]
		d := in.Decisions[stage.Name]
		answer := "RED"
		if d.Green {
			answer = "GREEN"
		}
		fmt.Fprintf(b, "## %s: %s as of %s\n\n", stage.Name, answer, stamp(d.At))
		waivers(b, d.Document(&in.Bundle.State.Rollout))
		for _, role := range in.Bundle.State.Rollout.Roles {
			in.role(b, d, role)
		}
	}
}}

func (in *Input) role(b *strings.Builder, d *rollout.Decision, role string) {
	fmt.Fprintf(b, "### %s\n\n%s\n\n", strings.ReplaceAll(role, "_", " "), signed(d, role))
	var rows [][]string
	for _, item := range d.Items(role) {
		if item.Said {
			rows = append(rows, []string{item.Text, "said by the signature", "", ""})
			continue
		}
		if len(item.Facts) == 0 {
			rows = append(rows, []string{item.Text, item.Stands, "no stage is before this one: what its own soak shows is asked at the next", ""})
		}
		for i, f := range item.Facts {
			text := item.Text
			if i > 0 {
				text = ""
			}
			rows = append(rows, []string{text, f.Stands, measured(f.Fact), source(f)})
		}
	}
	table(b, []string{"Item", "Stands", "Measured", "Source"}, rows)
}

func signed(d *rollout.Decision, role string) string {
	var out []string
	for _, s := range d.Signatures {
		if s.Role != role {
			continue
		}
		if s.Void != "" {
			out = append(out, s.Person+"'s signature does not count: "+s.Void+".")
			continue
		}
		out = append(out, "Signed by "+s.Person+", counts until "+stamp(s.Expires)+".")
	}
	if len(out) == 0 {
		return "**Nobody has signed.**"
	}
	return cell(strings.Join(out, " "))
}
