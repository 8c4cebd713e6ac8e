package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"savoirs/node"
)

func stickPackCmd(s *shell) *cobra.Command {
	var o node.PackOptions
	var max size
	var yes, dry bool
	c := s.command("stick.pack", between(1, 1), func(cmd *cobra.Command, args []string) error {
		dir, err := filepath.Abs(args[0])
		if err != nil {
			return err
		}
		ctx, client := cmd.Context(), s.client()
		o.Max = int64(max)
		plan, err := client.PlanStick(ctx, dir, o)
		if err != nil {
			return err
		}
		if dry {
			return s.planned(plan)
		}
		if !yes {
			s.plan(plan)
			if err := s.confirm(ctx, s.say("say.pack.ask")); err != nil {
				return err
			}
		}
		p := s.progress()
		packed, err := client.PackStick(ctx, dir, o, p.show)
		p.end()
		if err != nil {
			return err
		}
		return s.packed(packed)
	})
	f := c.Flags()
	f.StringSliceVar(&o.For, "for", nil, s.say("flag.pack_for"))
	f.BoolVar(&o.WantList, "want-list", false, s.say("flag.want-list"))
	f.BoolVar(&o.All, "all", false, s.say("flag.all"))
	f.Var(&max, "max", s.say("flag.max"))
	f.BoolVar(&yes, "yes", false, s.say("flag.yes"))
	f.BoolVar(&dry, "dry-run", false, s.say("flag.pack_dry"))
	return completeDrives(c)
}

// plan shows on err what would be written.
func (s *shell) plan(p node.Plan) {
	s.tell("say.pack.on", "dir", p.Dir, "fs", orElse(p.FileSystem, s.say("say.unknown")), "free", s.words.Bytes(p.Free))
	for _, d := range p.For {
		key := "say.pack.for"
		if !d.Known {
			key = "say.pack.for_unknown"
		}
		s.tell(key, "who", nameOf(d.Who), "n", d.Items, "new", s.words.Bytes(d.New), "there", s.words.Bytes(d.There))
	}
	if p.All {
		s.tell("say.pack.for_all", "n", len(p.Items))
	}
	s.tell("say.pack.write", "n", p.Blocks, "size", s.words.Bytes(p.Write), "largest", s.words.Bytes(p.Largest))
	s.someItems(p.Items, func(it node.PlannedItem) string {
		return s.say("say.pack.item", "title", it.Title, "kind", s.kind(it.Kind), "size", s.words.Bytes(it.Bytes))
	})
	s.tell("say.pack.news", "entries", p.Entries, "holdings", p.Holdings, "wants", p.Wants, "receipts", p.Receipts)
	if len(p.Left) > 0 {
		s.tell("say.pack.left", "n", len(p.Left))
		s.someItems(p.Left, func(it node.PlannedItem) string {
			return s.say("say.stays."+it.Why, "title", it.Title, "size", s.words.Bytes(it.Bytes), "ref", it.Root)
		})
	}
}

// someItems shows a line for each of the first items.
func (s *shell) someItems(items []node.PlannedItem, line func(node.PlannedItem) string) {
	for i, it := range items {
		if i == maxShown {
			s.tell("say.pack.more", "n", len(items)-maxShown)
			return
		}
		if !s.quiet {
			fmt.Fprintln(s.err, "  "+line(it))
		}
	}
}

func (s *shell) planned(p node.Plan) error {
	if s.json {
		return s.object(p)
	}
	s.plan(p)
	s.line("say.pack.dry")
	return nil
}

func (s *shell) packed(p node.Packed) error {
	if s.json {
		return s.object(p)
	}
	s.line("say.pack.done", "n", len(p.Items), "size", s.words.Bytes(p.Written))
	if len(p.Left) > 0 {
		s.tell("say.pack.left", "n", len(p.Left))
	}
	s.tell("say.pack.next", "dir", p.Dir)
	return nil
}

// nameOf is what a person calls a node.
func nameOf(w node.Who) string {
	name := orElse(w.Name, w.ID[max(0, len(w.ID)-8):])
	if w.Territory != "" {
		name += " (" + w.Territory + ")"
	}
	return clean(name)
}

// names lists nodes as people call them.
func names(all []node.Who) string {
	var called []string
	for _, w := range all {
		called = append(called, nameOf(w))
	}
	return strings.Join(called, ", ")
}
