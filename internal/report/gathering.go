package report

// A gathering holds names by what they share, in the order in which each of that was met first.
type gathering[K comparable] struct {
	list []gathered[K]
	at   map[K]int
}

// A gathered is a key, and the names that share it.
type gathered[K comparable] struct {
	key   K
	names []string
}

func (g *gathering[K]) add(key K, name string) {
	n, met := g.at[key]
	if !met {
		if g.at == nil {
			g.at = map[K]int{}
		}
		n, g.at[key] = len(g.list), len(g.list)
		g.list = append(g.list, gathered[K]{key: key})
	}
	g.list[n].names = append(g.list[n].names, name)
}
