package audit

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// eachTriggerBody visits what the triggers of tenant tables run, where the text of the function has all of the words: a body is read
// only then. The same function is visited once a table.
func (in *Input) eachTriggerBody(rule string, words []string, visit func(t *catalog.Relation, key []string, g *catalog.Trigger, f *catalog.Function, b *expr.Body)) {
	for _, t := range in.Model.TenantTables() {
		for i := range t.Relation.Triggers {
			g := &t.Relation.Triggers[i]
			f := in.Model.Snapshot.Function(g.Function)
			if f == nil || f.System || g.Enabled == "disabled" || !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(strings.ToLower(f.Source), w) }) {
				continue
			}
			b, err := in.Model.Reader.Body(f)
			if err != nil {
				in.Unchecked(rule, f.Identity(), "its body could not be read: "+err.Error())
				continue
			}
			visit(t.Relation, t.Key, g, f, b)
		}
	}
}
