package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/docs"
	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/site"
)

func docsCmd(w *World) *cobra.Command {
	var dir string
	cmd := command("docs [PAGE]", "the documentation of this version: list, read, or write it as web pages",
		`The binary carries its documentation. Without an argument it lists the pages; with one it prints that page as Markdown.

  ringfence docs tutorial
  ringfence docs howto/prisma
  ringfence docs -o site        # HTML pages in the folder site, beginning with index.html`,
		func(cmd *cobra.Command, args []string) error {
			pages, err := site.Read(docs.Pages)
			if err != nil {
				return err
			}
			switch {
			case dir != "" && len(args) > 0:
				return usage(fmt.Errorf("-o writes all pages, and a page was named"), "leave one of them out")
			case dir != "":
				if err := site.Write(dir, pages); err != nil {
					return err
				}
				w.note(false, "wrote %s into %s", english.Count(len(pages), "page"), dir)
				return nil
			case len(args) == 0:
				for _, p := range pages {
					fmt.Fprintf(w.Stdout, "%-20s  %s\n", strings.TrimSuffix(p.Path, ".md"), p.Title)
				}
				return nil
			}
			for _, p := range pages {
				if name := strings.TrimSuffix(p.Path, ".md"); name == args[0] || p.Path == args[0] {
					_, err := w.Stdout.Write(p.Text())
					return err
				}
			}
			return usage(fmt.Errorf("there is no page %q", args[0]), "ringfence docs lists them all")
		})
	cmd.Args = atMost(1, "one page")
	cmd.Flags().StringVarP(&dir, "output", "o", "", "write all pages as HTML into this `DIR`")
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		pages, err := site.Read(docs.Pages)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var out []string
		for _, p := range pages {
			out = append(out, strings.TrimSuffix(p.Path, ".md")+"\t"+p.Title)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}
