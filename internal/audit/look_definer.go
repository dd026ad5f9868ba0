package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// eachDefiner calls visit for every SECURITY DEFINER function of the schema's own that an application role can get run, with that role
// and what is read of its body. A function whose body cannot be read is unchecked for the rule.
func (in *Input) eachDefiner(rule string, visit func(f *catalog.Function, app string, body *expr.Body)) {
	for i := range in.Model.Snapshot.Functions {
		f := &in.Model.Snapshot.Functions[i]
		app, ok := in.caller(f)
		if f.System || f.Extension != "" || !f.SecurityDefiner || !ok {
			continue
		}
		body, err := in.Model.Reader.Body(f)
		if err != nil {
			in.Unchecked(rule, f.Identity(), err.Error())
			continue
		}
		visit(f, app, body)
	}
}

// definerFinding is a finding about such a function: what it does as its owner, and the grant to take back.
func definerFinding(f *catalog.Function, app, does string) Finding {
	return Finding{
		Object: f.Identity(), ObjectType: "function", Role: app, Detail: "It runs as " + f.Owner + " and " + does + ".",
		Fix: &Fix{SQL: "REVOKE EXECUTE ON FUNCTION " + f.Signature() + " FROM PUBLIC, " + pg.Ident(app), Why: "the application can no longer call it"},
	}
}
