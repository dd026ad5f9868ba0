package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// wantInvoker lets a view run with the rights of who asks, where who asks may read what is beneath.
func (p *planner) wantInvoker(w Want) {
	view, beneath := p.snap.Relation(w.Object), p.snap.Relation(w.Table)
	switch {
	case view == nil || view.Kind != catalog.View:
		p.withhold(w.Kind, w.Object, "it is not a view", "")
	case p.version < 150000:
		p.withhold(w.Kind, w.Object, "PostgreSQL 14 knows no security_invoker: the view has to be rewritten or its grants taken away", "")
	case p.roleName() == "" && beneath != nil && p.m.Rights != nil && w.Role != "" && !p.m.Rights.Relation(w.Role, beneath, "SELECT").Held:
		p.withhold(w.Kind, w.Object, fmt.Sprintf("%s may not read %s itself and would be refused the view: GRANT it first, or filter by the tenant in the view", w.Role, w.Table), "")
	default:
		p.viewOption(&securityInvoker, w, view)
	}
}

// wantBarrier lets a view's own filter run first.
func (p *planner) wantBarrier(w Want) {
	if view := p.snap.Relation(w.Object); view != nil && view.Kind == catalog.View {
		p.viewOption(&securityBarrier, w, view)
	}
}

// wantCheckOption lets a view's own filter hold for what is written.
func (p *planner) wantCheckOption(w Want) {
	if view := p.snap.Relation(w.Object); view != nil && view.Kind == catalog.View {
		p.viewOption(&checkOption, w, view)
	}
}

// viewOption plans the option that the kind is called after, unless it is set.
func (p *planner) viewOption(k *Kind, w Want, view *catalog.Relation) {
	target := Target{Name: nameOf(view)}
	if was, ok := view.Options[k.Name]; ok {
		if optionOn(was) || was == "cascaded" {
			return
		}
		target.WasValue = &was
	}
	p.add(k, target, how{why: w.why()})
}
