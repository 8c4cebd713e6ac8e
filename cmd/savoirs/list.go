package main

import (
	"github.com/spf13/cobra"

	"savoirs/node"
)

func listCmd(s *shell) *cobra.Command {
	return s.command("list", between(0, 0), func(cmd *cobra.Command, _ []string) error {
		items, err := s.client().List(cmd.Context())
		if err != nil {
			return err
		}
		if s.json {
			return s.object(items)
		}
		if len(items) == 0 {
			s.tell("say.list.empty")
			return nil
		}
		rows := [][]string{{s.say("say.col.ref"), s.say("say.col.kind"), s.say("say.col.size"), s.say("say.col.state"), s.say("say.col.copies"), s.say("say.col.territory"), s.say("say.col.title")}}
		for _, it := range items {
			copies := "-"
			if it.Scope != node.ScopePrivate {
				copies = s.copies(it)
			}
			rows = append(rows, []string{it.Ref, s.kind(it.Kind), s.words.Bytes(it.Size), s.state(it), copies, orElse(it.Territory, "-"), s.title(it)})
		}
		return s.table(rows)
	})
}

// title is that of an item, with its author where others revised it.
func (s *shell) title(it node.Item) string {
	for _, c := range it.Conflicts {
		switch {
		case c.Open():
			return s.say("say.list.parted", "title", it.Title, "who", s.authorOf(it))
		case c.Verdict == node.KeptBoth:
			return it.Title + " (" + s.authorOf(it) + ")"
		}
	}
	return it.Title
}

// authorOf is the end of an identity, as references have it.
func (s *shell) authorOf(it node.Item) string { return nameOf(node.Who{ID: it.Author}) }

func (s *shell) kind(kind string) string {
	if s.words.Has("say.kind." + kind) {
		return s.say("say.kind." + kind)
	}
	return kind
}

// state says in a few words where an item is and how it is.
func (s *shell) state(it node.Item) string {
	switch {
	case it.Bad > 0:
		return s.say("say.state.damaged")
	case it.Unfinished && it.Size > 0:
		return s.say("say.state.unfinished", "n", 100*it.Have/it.Size)
	case it.Scope == node.ScopePrivate:
		return s.say("say.state.private")
	case it.Mine && len(it.Delivered) > 0:
		return s.say("say.state.delivered", "n", len(it.Delivered))
	case it.Mine:
		return s.say("say.state.published")
	case it.Kept:
		return s.say("say.state.kept")
	case it.Here:
		return s.say("say.state.pulled")
	}
	return s.say("say.state.offered")
}
