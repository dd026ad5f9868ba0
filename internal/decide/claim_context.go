package decide

import (
	"slices"
)

// findContexts fills in which variables of the program name the tenant.
func (c *compiler) findContexts(k *claim) {
	named := false
	for _, x := range c.m.Contexts {
		if x.Principal {
			continue
		}
		switch x.Kind {
		case "setting", "claim":
			named = true
			if i, ok := c.p.byKey["setting/"+settingName(x.Name)]; ok {
				ctx := tenantContext{v: i}
				if x.Kind == "claim" {
					ctx.path = append([]string{}, x.Path...)
				}
				k.contexts = append(k.contexts, ctx)
			}
		}
	}
	for i := range c.p.vars {
		if c.p.vars[i].class == classSession {
			k.contexts = append(k.contexts, tenantContext{v: i})
		}
	}
	if !named {
		c.guessContexts(k)
	}
	if len(k.contexts) == 0 {
		for _, x := range c.m.Contexts {
			if x.Kind == "setting" && !x.Principal {
				k.contexts = append(k.contexts, tenantContext{v: c.settingVariable(x.Name)})
				break
			}
		}
	}
}

// guessContexts takes the settings that the key is compared with, where the model names none.
func (c *compiler) guessContexts(k *claim) {
	walkNodes(c.p.root, func(n *node) {
		if n.op != opCompare && n.op != opQuant || n.cmp != cmpEQ {
			return
		}
		vars := c.p.valuesOf(n)
		if !slices.ContainsFunc(vars, func(v int) bool { return slices.Contains(k.keys, v) }) {
			return
		}
		for _, v := range vars {
			if c.p.vars[v].class == classSetting && !slices.ContainsFunc(k.contexts, func(x tenantContext) bool { return x.v == v }) {
				k.contexts = append(k.contexts, tenantContext{v: v})
			}
		}
	})
}

// findLists fills in what of the context holds tenants in another form: the other side of an equality with the key, where
// it reads the tenant's setting as a list or takes a part of it.
func (c *compiler) findLists(k *claim) {
	visit := func(n *node) {
		if n.op == opCall && n.fn.holds && len(n.args) == 2 {
			c.heldLists(k, n)
			return
		}
		if (n.op != opCompare && n.op != opQuant || n.cmp != cmpEQ || n.not) && n.op != opDistinct || len(n.args) != 2 {
			return
		}
		for i := range 2 {
			if !c.touches(n.args[i], k.keys) || !c.structuredContext(n.args[1-i], k) {
				continue
			}
			k.lists = append(k.lists, uncut(n.args[1-i]))
		}
	}
	walkNodes(c.p.root, visit)
	for i := range c.p.subs {
		walkNodes(c.p.subs[i].where, visit)
		walkNodes(c.p.subs[i].where, func(n *node) { // an element of the context's list is compared with the key
			if n.op == opQuant && n.cmp == cmpEQ && !n.not && c.structuredContext(n.args[1], k) && c.derived(n.args[0]) {
				k.lists = append(k.lists, uncut(n.args[1]))
			}
		})
	}
}

// heldLists fills in what of the context holds tenants where a function asks whether it holds the key: ARRAY[key] <@ list.
func (c *compiler) heldLists(k *claim, n *node) {
	for i := range 2 {
		if c.touches(n.args[i], k.keys) && c.structuredContext(n.args[1-i], k) {
			k.lists = append(k.lists, uncut(n.args[1-i]))
		}
	}
}

// uncut is a node without the limits of length in its conversions: what the context names is named in full.
func uncut(n *node) *node {
	out := *n
	out.args = make([]*node, len(n.args))
	for i, a := range n.args {
		out.args[i] = uncut(a)
	}
	if out.op == opConvert {
		out.to.length, out.stand = 0, -1
		if out.to.elem != nil {
			elem := *out.to.elem
			elem.length = 0
			out.to.elem = &elem
		}
	}
	return &out
}

func (c *compiler) derived(n *node) bool {
	return n.op == opVar && c.p.vars[n.v].class == classColumn && c.p.rows[c.p.vars[n.v].row].rel == nil
}

func (c *compiler) touches(n *node, vars []int) bool {
	hit := false
	walkNodes(n, func(x *node) { hit = hit || x.op == opVar && slices.Contains(vars, x.v) })
	return hit
}

// structuredContext reports whether a node is made of the tenant's settings alone, and reads them as a list or in part.
func (c *compiler) structuredContext(n *node, k *claim) bool {
	ok, reads, structure, extract, blank := true, false, n.t.kind == kindArray || n.t.kind == kindJSON, false, false
	walkNodes(n, func(x *node) {
		switch x.op {
		case opSetting:
			reads = true
			ok = ok && slices.ContainsFunc(k.contexts, func(t tenantContext) bool { return t.v == x.v })
		case opVar, opExists, opScalar, opPresent, opArray:
			ok = false
		case opCall:
			extract = extract || x.fn.extract
			structure = structure || x.fn.extract || x.fn.path != nil && c.plainContext(x, k)
			ok = ok && (x.fn.extract || x.fn.path != nil || x.fn.name == "string_to_array" || x.fn.name == "array_remove" || len(x.args) == 0)
		case opConvert:
			structure = structure || x.t.kind == kindArray
		case opCoalesce, opCase, opTry:
			ok = ok && !hasConstants(x, false)
			blank = blank || hasConstants(x, true)
		}
	})
	return ok && reads && structure && !(extract && blank) // a part of what stands for "unset" is no tenant
}

// plainContext reports whether a document's member is read from a setting that the model lists without a path.
func (c *compiler) plainContext(x *node, k *claim) bool {
	vars := c.p.valuesOf(x)
	return slices.ContainsFunc(k.contexts, func(t tenantContext) bool { return t.path == nil && slices.Contains(vars, t.v) })
}

// hasConstants reports whether a constant stands in for what is missing: the empty string, or any other.
func hasConstants(n *node, empty bool) bool {
	return slices.ContainsFunc(n.args, func(a *node) bool { return a.op == opConst && !a.val.null && (a.val.s == "") == empty })
}
