package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"savoirs/node"
)

func showCmd(s *shell) *cobra.Command {
	var passage int
	c := s.command("show", between(1, 1), func(cmd *cobra.Command, args []string) error {
		d, err := s.client().Show(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("passage") {
			s.subject = fmt.Sprintf("%s --passage %d", args[0], passage)
			o, err := s.client().OpenPassage(cmd.Context(), d.Root, passage)
			if err != nil {
				return err
			}
			return s.opened(o)
		}
		if s.json {
			return s.object(d)
		}
		return s.detail(d)
	})
	c.Flags().IntVar(&passage, "passage", 0, s.say("flag.passage"))
	return s.completeRefs(c, anyItem)
}

// opened writes a passage with what surrounds it in its document.
func (s *shell) opened(o node.Opened) error {
	if s.json {
		return s.object(o)
	}
	fmt.Fprintf(s.out, "%s\n%s\n\n", s.place(o.Passage), s.opens(o.Passage))
	_, err := fmt.Fprintf(s.out, "%s%s%s\n", clean(o.Before), s.strong(clean(o.Marked)), clean(o.After))
	return err
}

func (s *shell) detail(d node.Detail) error {
	fmt.Fprintln(s.out, s.strong(clean(d.Title)))
	if d.Card != "" {
		fmt.Fprintln(s.out, clean(d.Card))
	}
	fmt.Fprintln(s.out)
	rows := [][]string{}
	row := func(key, value string) {
		if value != "" {
			rows = append(rows, []string{s.say("say.show." + key), value})
		}
	}
	row("ref", d.Ref)
	row("kind", s.kind(d.Kind))
	row("state", s.state(d.Item))
	if d.Scope != node.ScopePrivate {
		row("copies", s.copies(d.Item))
	}
	for _, to := range d.Delivered {
		row("stick", s.say("say.delivery."+string(to.State), "who", nameOf(to.Who)))
	}
	if d.Pinned {
		row("pinned", s.say("say.show.yes"))
	}
	row("size", s.say("say.show.files", "n", d.Files, "size", s.words.Bytes(d.Size)))
	row("territory", d.Territory)
	row("author", d.Author)
	row("lang", d.Lang)
	row("licence", d.Licence)
	row("base", d.Base)
	if d.Passages > 0 {
		row("passages", s.say("say.show.found", "n", d.Passages, "embedded", d.Embedded))
	}
	for _, p := range d.Packs {
		state := s.say("say.state.offered")
		if p.Here {
			state = s.say("say.show.here")
		}
		row("pack", s.say("say.show.packed", "n", p.Passages, "size", s.words.Bytes(p.Size), "author", p.Author, "state", state))
	}
	for _, l := range d.Libraries {
		row("archive", s.library(l))
	}
	row("origin", d.Origin)
	row("path", d.Path)
	row("root", d.Root)
	if err := s.table(rows); err != nil {
		return err
	}
	if err := s.documents(d.Documents); err != nil {
		return err
	}
	return s.revisions(d.Item)
}

// library says in a line what an archive of articles says of itself.
func (s *shell) library(l node.Library) string {
	parts := []string{clean(orElse(l.Title, l.Path)), s.say("say.show.articles", "n", l.Articles)}
	for _, part := range []string{l.Creator, l.Date} {
		if part != "" {
			parts = append(parts, clean(part))
		}
	}
	return strings.Join(parts, " · ")
}
