package plan

import "github.com/ringfencehq/ringfence/internal/signed"

// signedContext plans the verifier where ringfence.yaml says context: signed and the database has none. It is asked for by name
// there, so that no danger has to be allowed again.
func (p *planner) signedContext() {
	if p.config.Context != "signed" || p.snap.Function(signed.Schema+"."+signed.Function+"()") != nil {
		return
	}
	p.allow["signed_context"] = true
	p.add(&signedContext, Target{}, how{why: p.wantsFor("signed_context", signed.Schema+"."+signed.Function+"()")})
}
