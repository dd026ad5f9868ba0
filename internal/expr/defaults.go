package expr

import "github.com/ringfencehq/ringfence/internal/catalog"

// fillDefaults completes a call whose last arguments were left out: the tree keeps a call as it was written, the planner
// adds the defaults. A default that is not known (the snapshot keeps those of user functions) becomes Unknown.
func (r *Reader) fillDefaults(c *Call) Expr {
	want := len(c.Args)
	if c.Func != nil && c.Func.Kind == "function" {
		want = max(want, len(c.Func.ArgumentOIDs))
	}
	if want == len(c.Args) && !hasGap(c.Args) {
		return c
	}
	defaults := r.defaultsOf(c.Func)
	for i := range want {
		if i == len(c.Args) {
			c.Args = append(c.Args, nil)
		}
		if c.Args[i] != nil {
			continue
		}
		c.Args[i] = &Unknown{Tag: "DEFAULT", Key: "default of an argument"}
		if at := i - (want - len(defaults)); at >= 0 && at < len(defaults) {
			c.Args[i] = defaults[at]
		}
	}
	return c
}

func hasGap(args []Expr) bool {
	for _, a := range args {
		if a == nil {
			return true
		}
	}
	return false
}

// defaultsOf reads the defaults of a function's last arguments. A default may call the function itself only through
// another's default, which PostgreSQL cannot make; still the depth is bounded by the tree being finite.
func (r *Reader) defaultsOf(f *catalog.Function) []Expr {
	if f == nil || f.Defaults == nil {
		return nil
	}
	defaults, err := r.Expressions(f.Defaults, nil)
	if err != nil {
		return nil
	}
	return defaults
}
