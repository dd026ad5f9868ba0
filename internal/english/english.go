// Package english says how many things there are, as English says it.
package english

import (
	"fmt"
	"strings"
)

// Count says a number of things that are named by the word for one of them: 1 step, 2 steps, 3 indexes, 0 queries.
func Count[N ~int | ~int64 | ~uint64](n N, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, plural(one))
}

func plural(one string) string {
	switch last := one[len(one)-1]; {
	case last == 'y' && !strings.ContainsRune("aeiou", rune(one[len(one)-2])):
		return one[:len(one)-1] + "ies"
	case strings.ContainsRune("sx", rune(last)) || strings.HasSuffix(one, "ch") || strings.HasSuffix(one, "sh"):
		return one + "es"
	}
	return one + "s"
}
