package main

import (
	"cmp"
	"strconv"

	"github.com/spf13/cobra"

	"savoirs/node"
)

// Both commands read the drive themselves: they need no node, running or not.

func stickInspectCmd(s *shell) *cobra.Command {
	return completeDrives(s.command("stick.inspect", between(1, 1), func(_ *cobra.Command, args []string) error {
		info, err := node.InspectStick(args[0])
		if err != nil {
			return err
		}
		if s.json {
			return s.object(info)
		}
		return s.inspected(info)
	}))
}

func (s *shell) inspected(i node.StickInfo) error {
	s.line("say.inspect.by", "who", nameOf(i.By), "n", int64(i.Count))
	s.line("say.inspect.holds", "n", len(i.Items), "size", s.words.Bytes(i.Bytes), "packs", i.Packs, "blocks", i.Blocks)
	s.line("say.inspect.news", "entries", i.Entries, "holdings", i.Holdings, "sealed", i.Sealed)
	if len(i.Wants) > 0 {
		s.line("say.inspect.wants", "who", names(i.Wants))
	}
	if len(i.Receipts) > 0 {
		s.line("say.inspect.receipts", "who", names(i.Receipts))
	}
	if len(i.Items) == 0 {
		return nil
	}
	rows := [][]string{{s.say("say.col.kind"), s.say("say.col.size"), s.say("say.col.author"), s.say("say.col.for"), s.say("say.col.title")}}
	for _, it := range i.Items {
		rows = append(rows, []string{s.kind(it.Kind), s.words.Bytes(it.Bytes), nameOf(it.Author), cmp.Or(names(it.For), s.say("say.inspect.everybody")), cmp.Or(it.Title, it.Root)})
	}
	return s.table(rows)
}

func stickVerifyCmd(s *shell) *cobra.Command {
	return completeDrives(s.command("stick.verify", between(1, 1), func(cmd *cobra.Command, args []string) error {
		p := s.progress()
		report, err := node.VerifyStick(cmd.Context(), args[0], p.show)
		p.end()
		if err != nil {
			return err
		}
		if s.json {
			if err := s.object(report); err != nil {
				return err
			}
		}
		if !report.Right {
			s.damage(report.Damage)
			return newFault("stick_not_right", exitIntegrity, "n", strconv.Itoa(len(report.Damage)))
		}
		if !s.json {
			s.line("say.inspect.right", "size", s.words.Bytes(report.Checked), "n", len(report.Items))
		}
		return nil
	}))
}

// damage names what is wrong with a stick.
func (s *shell) damage(all []string) {
	for i, text := range all {
		if i == maxShown {
			s.tell("say.pack.more", "n", len(all)-maxShown)
			return
		}
		s.tell("say.inspect.damage", "what", text)
	}
}
