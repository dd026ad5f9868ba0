package decide

// pin notes the sub-queries that find one row at most: the limit that a scalar function of SQL or a LIMIT sets on them takes none away.
func (p *program) pin() {
	for i := range p.subs {
		p.subs[i].limited = p.subs[i].limited && !p.atMostOne(&p.subs[i])
	}
}

// atMostOne reports whether a sub-query over one relation gives every column of a unique key a value that does not come from the row.
func (p *program) atMostOne(sub *subquery) bool {
	if len(sub.rows) != 1 {
		return false
	}
	r := sub.rows[0]
	given := map[int16]bool{}
	conjuncts(sub.where, func(n *node) {
		if n.op != opCompare || n.cmp != cmpEQ {
			return
		}
		for i, a := range n.args {
			if a.op == opVar && p.vars[a.v].class == classColumn && p.vars[a.v].row == r && !p.readsRow(n.args[1-i], r) {
				given[p.vars[a.v].num] = true
			}
		}
	})
	for _, u := range p.unique {
		all := u.rel == p.rows[r].rel && len(u.nums) > 0
		for _, num := range u.nums {
			all = all && given[num]
		}
		if all {
			return true
		}
	}
	return false
}

// readsRow reports whether a value may depend on a row: on its columns, on what is not understood, or on a sub-query that does.
func (p *program) readsRow(n *node, r int) bool {
	reads := false
	walkNodes(n, func(n *node) {
		switch n.op {
		case opVar, opSetting, opPresent:
			v := &p.vars[n.v]
			reads = reads || v.class == classColumn && v.row == r || v.class == classFree && !v.rowFree
		case opExists, opScalar:
			for i := range p.subs {
				reads = reads || p.subs[i].found == n.v && p.readsRow(p.subs[i].where, r)
			}
		}
	})
	return reads
}
