package decide

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/signed"
)

// verifies reports whether a function is Ringfence's own verifier of signed contexts, exactly as it is installed, and nobody the
// application can become has a hand in it: its owner, its schema's owner, the table of keys.
func (c *compiler) verifies(f *catalog.Function) bool {
	if len(f.Arguments) > 0 || f.Source != signed.Body || f.Language != "plpgsql" ||
		!f.SecurityDefiner || f.Volatility != "stable" || f.ReturnsSet || f.Leakproof || !slices.Equal(f.Config, []string{signed.Config}) {
		return false
	}
	keys, schema := c.snap.Relation(signed.Schema+"."+signed.KeyTable), c.snap.Namespace(signed.Schema)
	if keys == nil || schema == nil || keys.Kind != catalog.Table || keys.Owner != f.Owner || len(keys.Triggers)+len(keys.Rules) > 0 || c.m.Rights == nil {
		return false
	}
	for _, app := range c.m.Applications() {
		for _, id := range c.m.Rights.Identities(app) {
			if c.m.Rights.Superuser(id.Role) || c.m.Rights.Any(id.Role, keys) || c.m.Rights.Owns(id.Role, keys) ||
				c.m.Rights.HasPrivsOf(id.Role, schema.Owner) || c.m.Rights.HasPrivsOf(id.Role, f.Owner) {
				return false
			}
		}
	}
	return true
}

// signedContext is what the verifier returns: the tenant that a token which counts names, or NULL. Whoever runs SQL cannot choose
// it, and to the logic it is the context's value. A verifier that cannot be trusted may return anything.
func (c *compiler) signedContext(e *expr.Call, s *scope) *node {
	if !c.verifies(e.Func) {
		return c.free(e, s, "the verifier of the signed context, which is not as it was installed or within the application's reach")
	}
	return &node{op: opSetting, v: c.settingVariable(signed.Setting), missingOK: true, t: textType, stand: -1}
}

// callsVerifier reports whether an expression calls what stands where the verifier does: it is judged as a whole, never by what a
// body of that name seems to compute.
func callsVerifier(e expr.Expr) bool {
	hit := false
	expr.WalkDeep(e, func(x expr.Expr, _ int) bool {
		if call, ok := x.(*expr.Call); ok && call.Func != nil && call.Func.Schema == signed.Schema && call.Func.Name == signed.Function {
			hit = true
		}
		return !hit
	})
	return hit
}
