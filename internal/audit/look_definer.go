package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// definers calls visit for every SECURITY DEFINER function of the schema's own that an application role can get run, with that role.
func (in *Input) definers(visit func(f *catalog.Function, app string)) {
	for i := range in.Model.Snapshot.Functions {
		f := &in.Model.Snapshot.Functions[i]
		if f.System || f.Extension != "" || !f.SecurityDefiner {
			continue
		}
		if app, ok := in.caller(f); ok {
			visit(f, app)
		}
	}
}

// eachDefiner is definers with what is read of each one's body. A function whose body cannot be read is unchecked for the rule.
func (in *Input) eachDefiner(rule string, visit func(f *catalog.Function, app string, body *expr.Body)) {
	in.definers(func(f *catalog.Function, app string) {
		if body, ok := in.body(rule, f); ok {
			visit(f, app, body)
		}
	})
}

// body reads a function's body; one that cannot be read is unchecked for the rule.
func (in *Input) body(rule string, f *catalog.Function) (*expr.Body, bool) {
	body, err := in.Model.Reader.Body(f)
	if err != nil {
		in.Unchecked(rule, f.Identity(), err.Error())
	}
	return body, err == nil
}

// definerFinding is a finding about such a function: what it does as its owner, and the grant to take back.
func definerFinding(f *catalog.Function, app, does string) Finding {
	return Finding{
		Object: f.Identity(), ObjectType: "function", Role: app, Detail: "It runs as " + f.Owner + " and " + does + ".",
		Fix: &Fix{SQL: "REVOKE EXECUTE ON FUNCTION " + f.Signature() + " FROM PUBLIC, " + pg.Ident(app), Why: "the application can no longer call it"},
	}
}
