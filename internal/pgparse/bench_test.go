package pgparse

import "testing"

// BenchmarkStart is what a process pays before its first statement is parsed: with the code to be made, and with it kept.
func BenchmarkStart(b *testing.B) {
	kept := b.TempDir()
	for name, dir := range map[string]string{"made": "", "kept": kept} {
		b.Run(name, func(b *testing.B) {
			if _, _, err := compile(dir); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				rt, _, err := compile(dir)
				if err != nil {
					b.Fatal(err)
				}
				rt.Close(b.Context())
			}
		})
	}
}
