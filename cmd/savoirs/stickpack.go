package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"savoirs/node"
)

func stickPackCmd(s *shell) *cobra.Command {
	var o node.PackOptions
	var max size
	var kit string
	var yes, dry bool
	c := s.command("stick.pack", between(1, 1), func(cmd *cobra.Command, args []string) error {
		dir, err := filepath.Abs(args[0])
		if err != nil {
			return err
		}
		if kit, err = kitFolder(kit); err != nil {
			return err
		}
		ctx, client := cmd.Context(), s.client()
		o.Max = int64(max)
		o.All = o.All || kit != "" && len(o.For) == 0 && !o.WantList // whoever finds it
		plan, err := client.PlanStick(ctx, dir, o)
		if err != nil {
			return err
		}
		var boot *node.Bootstrap
		if kit != "" {
			b, err := client.PlanBootstrap(ctx, dir, kit)
			if err != nil {
				return err
			}
			boot = &b
		}
		if dry {
			return s.planned(plan, boot)
		}
		if !s.json || !yes {
			s.plan(plan, boot) // before anything is written
		}
		if !yes {
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
		if boot != nil {
			*boot, err = client.PackBootstrap(ctx, dir, kit, p.show)
			p.end()
			if err != nil {
				return err
			}
		}
		return s.packed(packed, boot)
	})
	f := c.Flags()
	f.StringSliceVar(&o.For, "for", nil, s.say("flag.pack_for"))
	f.BoolVar(&o.WantList, "want-list", false, s.say("flag.want-list"))
	f.BoolVar(&o.All, "all", false, s.say("flag.all"))
	f.StringSliceVar(&o.Private, "private", nil, s.say("flag.pack_private"))
	f.Var(&max, "max", s.say("flag.max"))
	f.BoolVar(&o.Anew, "anew", false, s.say("flag.anew"))
	f.StringVar(&kit, "bootstrap", "", s.say("flag.bootstrap"))
	f.Lookup("bootstrap").NoOptDefVal = kitNearby
	f.BoolVar(&yes, "yes", false, s.say("flag.yes"))
	f.BoolVar(&dry, "dry-run", false, s.say("flag.pack_dry"))
	return completeDrives(c)
}

// plan shows on err what would be written.
func (s *shell) plan(p node.Plan, b *node.Bootstrap) {
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
		key := "say.pack.item"
		if it.Sealed {
			key = "say.pack.sealed"
		}
		return s.say(key, "title", it.Title, "kind", s.kind(it.Kind), "size", s.words.Bytes(it.Bytes))
	})
	s.tell("say.pack.news", "entries", p.Entries, "holdings", p.Holdings, "wants", p.Wants, "receipts", p.Receipts)
	if len(p.Left) > 0 {
		s.tell("say.pack.left", "n", len(p.Left))
		s.someItems(p.Left, func(it node.PlannedItem) string {
			return s.say("say.stays."+it.Why, "title", it.Title, "size", s.words.Bytes(it.Bytes), "ref", it.Root)
		})
	}
	s.bootstrap(b)
}

// bootstrap shows what would make a node of another machine.
func (s *shell) bootstrap(b *node.Bootstrap) {
	if b == nil {
		return
	}
	s.tell("say.bootstrap.kit", "size", s.words.Bytes(b.Size), "programs", strings.Join(b.Programs, ", "))
	for _, m := range b.Models {
		s.tell("say.bootstrap.model", "title", m.Title, "size", s.words.Bytes(m.Size), "licence", orElse(m.Licence, s.say("say.bootstrap.no_licence")))
	}
	for _, m := range b.Left {
		s.tell("say.bootstrap."+m.Why, "title", m.Title, "size", s.words.Bytes(m.Size))
	}
}

// packing is a packing as programs read it: of a bootstrap stick, both parts.
type packing[P any] struct {
	Stick     P               `json:"stick"`
	Bootstrap *node.Bootstrap `json:"bootstrap"`
}

// kitNearby stands for the kit that came with this program.
const kitNearby = "auto"

// kitFolder is where a kit is: what was said, or the one beside this program.
// build/bootstrap is beside build/savoirs; install.sh puts it in share/.
func kitFolder(said string) (string, error) {
	if said == "" {
		return "", nil
	}
	if said != kitNearby {
		return filepath.Abs(said)
	}
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	beside := filepath.Dir(program)
	shared := filepath.Join(filepath.Dir(beside), "share", "savoirs", "bootstrap")
	if _, err := os.Stat(shared); err == nil {
		return shared, nil
	}
	return filepath.Join(beside, "bootstrap"), nil
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

func (s *shell) planned(p node.Plan, b *node.Bootstrap) error {
	if s.json && b != nil {
		return s.object(packing[node.Plan]{p, b})
	}
	if s.json {
		return s.object(p)
	}
	s.plan(p, b)
	s.line("say.pack.dry")
	return nil
}

func (s *shell) packed(p node.Packed, b *node.Bootstrap) error {
	if s.json && b != nil {
		return s.object(packing[node.Packed]{p, b})
	}
	if s.json {
		return s.object(p)
	}
	s.line("say.pack.done", "n", len(p.Items), "size", s.words.Bytes(p.Written))
	if b != nil {
		s.line("say.bootstrap.done", "dir", filepath.Join(p.Dir, node.StickFolder), "size", s.words.Bytes(b.Written))
	}
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
