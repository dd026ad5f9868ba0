// Package docs holds the documentation, so that the binary carries it.
package docs

import "embed"

// Pages are the pages as Markdown, by their path in this folder.
//
//go:embed *.md howto/*.md examples/*.md examples/*/*.md examples/*/papers/*.md
var Pages embed.FS
