package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// sarifFormat writes SARIF 2.1.0. Of a proof it holds the cells that are neither proved nor probed; the others are counted in
// the run's properties. Every result also has a physical location under database/, which names no file: code scanning refuses
// results without one. Fingerprints rest on rule, object, role, command and path, not on the database's name or the wording,
// so that an alert stays the same alert from run to run.
var sarifFormat = Format{
	Name: "sarif", Doc: "SARIF 2.1.0, for code scanning",
	Writes: judges,
	Write: func(w io.Writer, r *Report, _ Options) error {
		run := newSarifRun()
		if r.Prove != nil {
			run.prove(r.Prove)
		} else {
			run.audit(r.Audit)
		}
		return WriteJSON(w, sarifLog{
			Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
			Version: "2.1.0", Runs: []*sarifRun{run},
		})
	},
}

func newSarifRun() *sarifRun {
	run := &sarifRun{Results: []sarifResult{}, at: map[string]int{}}
	run.Tool.Driver = sarifDriver{Name: "Ringfence", InformationURI: "https://github.com/ringfencehq/ringfence", Rules: []sarifRule{}}
	run.Invocations = []sarifInvocation{{ExecutionSuccessful: true, Notifications: []sarifNotification{}}}
	return run
}

func (run *sarifRun) audit(a *Audit) {
	run.Automation = sarifAutomation{ID: "ringfence/audit/"}
	run.Properties = map[string]any{"summary": a.Summary, "database": safe(a.Server.Database)}
	known := map[string]audit.Rule{}
	for _, r := range audit.Rules() {
		known[r.ID], known[r.Name] = r, r
	}
	for _, f := range a.Findings {
		rule, ok := known[f.ID]
		if !ok {
			rule = audit.Rule{ID: safe(f.ID), Name: safe(f.Rule), Title: safe(f.Title), Severity: f.Severity}
		}
		out := sarifResult{RuleID: rule.ID, RuleIndex: run.rule(rule, f.Severity), Level: levelOf(f.Severity), Message: sarifText{Text: findingText(f)}}
		out.Locations = []sarifLocation{locate(f.Object, f.ObjectType, cmp.Or(f.Table, f.Object))}
		out.fingerprint(f.ID, f.Object, f.Role, f.Command, f.Path)
		if f.Accepted != nil {
			out.accept(f.Accepted.By, f.Accepted.Until, f.Accepted.Reason)
		}
		run.Results = append(run.Results, out)
	}
	for _, u := range a.Unchecked {
		run.Invocations[0].Notifications = append(run.Invocations[0].Notifications, sarifNotification{
			Level: levelWarning, Message: sarifText{Text: "not checked: " + safe(u.Rule) + ", " + safe(u.Object) + ": " + safe(u.Why)},
			Locations: []sarifLocation{locate(u.Object, "", u.Object)},
		})
	}
}

// cellRules are what a cell can be found to be; ids of their own, since no rule of the audit found it.
var cellRules = map[string]audit.Rule{
	"isolation leak":     {ID: "cell-leak", Name: "cell-leak", Severity: audit.Critical, Title: "another tenant's rows can be reached", Doc: "Logic, the catalogue or a probe shows a row of another tenant that this role reads, makes, changes or destroys. The message has the way and the witness."},
	"isolation unproven": {ID: "cell-unproven", Name: "cell-unproven", Severity: audit.Medium, Title: "it could not be decided whether another tenant's rows can be reached", Doc: "Neither proved nor refuted. The message says what would make it provable."},
	"inference leak":     {ID: "cell-inference-leak", Name: "cell-inference-leak", Severity: audit.Medium, Title: "another tenant's values can be guessed", Doc: "The existence or the values of another tenant's rows can be guessed by constraints, statistics, plans or timing."},
	"inference unproven": {ID: "cell-inference-unproven", Name: "cell-inference-unproven", Severity: audit.Low, Title: "it could not be decided whether another tenant's values can be guessed", Doc: "Neither proved nor refuted."},
}

func (run *sarifRun) prove(d *Prove) {
	run.Automation = sarifAutomation{ID: "ringfence/prove/"}
	run.Properties = map[string]any{"summary": d.Summary, "database": safe(d.Server.Database)}
	for _, c := range d.Cells {
		if !isOpen(c) {
			continue
		}
		rule, ok := cellRules[c.Kind+" "+string(c.Verdict)]
		if !ok {
			rule = cellRules[reach.Isolation+" "+string(prove.Unproven)]
		}
		out := sarifResult{RuleID: rule.ID, RuleIndex: run.rule(rule, rule.Severity), Level: levelOfCell(c), Message: sarifText{Text: cellText(c)}}
		out.Locations = []sarifLocation{locate(c.Relation, "table", c.Relation)}
		out.fingerprint(rule.ID, c.Relation, c.Role, c.Command+" "+c.Variant, c.Path)
		if c.Accepted != nil {
			out.accept(c.Accepted.By, c.Accepted.Until, c.Accepted.Reason)
		}
		run.Results = append(run.Results, out)
	}
	for _, n := range d.Notes {
		run.Invocations[0].Notifications = append(run.Invocations[0].Notifications, sarifNotification{Level: levelNote, Message: sarifText{Text: safe(n)}})
	}
}

// scores are the numbers by which code scanning tells severities apart: above 9 is critical, from 7 high, from 4 medium.
var scores = map[audit.Severity]string{audit.Critical: "9.5", audit.High: "8.0", audit.Medium: "5.5", audit.Low: "2.0", audit.Info: "0.0"}

// rule lists r once and returns its place. Its score is that of the gravest thing it found here: a fault nobody can use is not
// shown as critical.
func (run *sarifRun) rule(r audit.Rule, found audit.Severity) int {
	i, ok := run.at[r.ID]
	if !ok {
		i = len(run.Tool.Driver.Rules)
		run.at[r.ID] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: r.ID, Name: cmp.Or(r.Name, r.ID), DeprecatedIDs: r.Aliases,
			Short: sarifText{Text: cmp.Or(r.Title, r.ID)}, Full: sarifText{Text: cmp.Or(r.Title, r.ID)},
			Help:          sarifHelp{Text: cmp.Or(r.Doc, r.Title, r.ID), Markdown: cmp.Or(r.Doc, markdown(cmp.Or(r.Title, r.ID)))},
			Configuration: sarifConfiguration{Level: levelOf(r.Severity)},
			Properties:    sarifRuleProperties{Tags: []string{"security", "multi-tenancy", "postgresql"}, Score: "0.0"},
		})
	}
	p := &run.Tool.Driver.Rules[i].Properties
	if score := cmp.Or(scores[found], scores[audit.Medium]); score > p.Score {
		p.Score = score
	}
	return i
}

// locate names an object as PostgreSQL does, and gives it a place in a tree of tables.
func locate(object, kind, under string) sarifLocation {
	return sarifLocation{
		Logical:  []sarifLogical{{Name: safe(object), FullyQualifiedName: safe(object), Kind: safe(kind)}},
		Physical: sarifPhysical{Artifact: sarifArtifact{URI: "database/" + url.PathEscape(cmp.Or(safe(under), "server"))}, Region: sarifRegion{StartLine: 1}},
	}
}

// fingerprint sets what makes the result the same result next time. Code scanning reads primaryLocationLineHash.
func (r *sarifResult) fingerprint(rule, object, role, command string, path []reach.Hop) {
	parts := []string{rule, object, role, command}
	for _, h := range path {
		parts = append(parts, h.Via, h.Name)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	hash := hex.EncodeToString(sum[:16])
	r.Fingerprints = map[string]string{"ringfence/v1": hash, "primaryLocationLineHash": hash + ":1"}
}

func (r *sarifResult) accept(by, until, reason string) {
	r.Suppressions = []sarifSuppression{{Kind: "external", Status: "accepted", Justification: fmt.Sprintf("%s (by %s)", safe(reason), whoUntil(by, until))}}
}
