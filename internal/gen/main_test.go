package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What is generated and what is committed are the same.
func TestGeneratedFilesAreFresh(t *testing.T) {
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		var want bytes.Buffer
		if err := p.write(&want); err != nil {
			t.Errorf("%s: %v", p.path, err)
			continue
		}
		have, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p.path)))
		if err != nil || !bytes.Equal(have, want.Bytes()) {
			t.Errorf("%s is stale: run make gen", p.path)
		}
	}
}
