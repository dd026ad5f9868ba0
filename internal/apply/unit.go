package apply

import (
	"github.com/ringfencehq/ringfence/internal/plan"
)

// A task is one step in one direction.
type task struct {
	index     int // of the step in the plan
	id        string
	kind      string
	object    string
	table     string
	objects   []string
	direction string
	sql       []string
	lock      plan.Lock
	also      map[string]plan.Lock // on other tables
	check     string               // a query for one boolean
	want      bool                 // what check gives when the task has taken effect
	batch     int
}

// A unit is what runs together: the tasks of one transaction, or one task outside of transactions.
type unit struct {
	tasks      []task
	concurrent bool
}

func doTask(p *plan.Plan, i int) task {
	s := &p.Steps[i]
	return task{index: i, id: s.ID, kind: s.Kind, object: s.Object, table: s.Table, objects: objectsOf(s), direction: dirDo,
		sql: s.Do, lock: s.Lock, also: s.Also, check: s.Done, want: true, batch: s.Batch}
}

func undoTask(p *plan.Plan, i int) task {
	t := doTask(p, i)
	t.direction, t.sql, t.lock, t.want, t.batch = dirUndo, p.Steps[i].Undo, p.Steps[i].UndoLock, false, 0
	return t
}

// doUnits groups the plan's chosen steps, in order, into units.
func doUnits(p *plan.Plan, chosen func(int) bool) []unit {
	var units []unit
	last := ""
	for i := range p.Steps {
		way := p.Steps[i].Transaction
		if !chosen(i) {
			continue
		}
		t := doTask(p, i)
		if way != "own" && way != "none" && way == last {
			u := &units[len(units)-1]
			u.tasks = append(u.tasks, t)
			continue
		}
		units = append(units, unit{tasks: []task{t}, concurrent: way == "none"})
		last = way
	}
	return units
}

// undoUnits is doUnits for taking back: the reverse order, the same groups.
func undoUnits(p *plan.Plan, chosen func(int) bool) []unit {
	var units []unit
	last := ""
	for i := len(p.Steps) - 1; i >= 0; i-- {
		way := p.Steps[i].Transaction
		if !chosen(i) {
			continue
		}
		t := undoTask(p, i)
		outside := way == "none" || runsOutside(t.sql)
		if !outside && way != "own" && way == last {
			u := &units[len(units)-1]
			u.tasks = append(u.tasks, t)
			continue
		}
		units = append(units, unit{tasks: []task{t}, concurrent: outside})
		last = way
		if outside {
			last = "none"
		}
	}
	return units
}

// runsOutside tells whether a statement cannot stand in a transaction block.
func runsOutside(sql []string) bool {
	for _, s := range sql {
		if _, ok := parseIndexStatement(s); ok {
			return true
		}
	}
	return false
}

// blocksWriters tells whether a lock stops writers while it is held.
func blocksWriters(l plan.Lock) bool {
	return l == plan.Share || l == plan.ShareRowExclusive || l == plan.AccessExclusive
}

// locks gives, by table, the locks that a unit will ask for.
func (u unit) locks() map[string]map[plan.Lock]bool {
	all := map[string]map[plan.Lock]bool{}
	add := func(table string, lock plan.Lock) {
		if all[table] == nil {
			all[table] = map[plan.Lock]bool{}
		}
		all[table][lock] = true
	}
	for _, t := range u.tasks {
		add(t.table, t.lock)
		for table, lock := range t.also {
			add(table, lock)
		}
	}
	return all
}
