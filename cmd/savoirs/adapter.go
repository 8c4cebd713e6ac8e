package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"savoirs/node"
)

func adapterCmd(s *shell) *cobra.Command {
	c := s.command("adapter", nil, nil)
	c.AddCommand(adapterImportCmd(s), adapterCheckCmd(s))
	return c
}

func adapterImportCmd(s *shell) *cobra.Command {
	var o node.ImportOptions
	c := s.command("adapter.import", between(1, 1), func(cmd *cobra.Command, args []string) error {
		path, err := filepath.Abs(args[0])
		if err != nil {
			return err
		}
		p := s.progress()
		item, err := s.client().ImportAdapter(cmd.Context(), path, o, p.show)
		p.end()
		if err != nil {
			return err
		}
		if s.json {
			return s.object(item)
		}
		s.line("say.adapter.imported", "title", item.Title, "ref", item.Ref)
		s.tell("say.adapter.next", "ref", item.Ref)
		return nil
	})
	f := c.Flags()
	f.StringVar(&o.Base, "base", "", s.say("flag.base"))
	f.StringVar(&o.Title, "title", "", s.say("flag.title"))
	f.StringVar(&o.Licence, "licence", "", s.say("flag.licence"))
	f.BoolVar(&o.InPlace, "in-place", false, s.say("flag.in-place"))
	return c
}

func adapterCheckCmd(s *shell) *cobra.Command {
	return s.command("adapter.check", between(1, 1), func(cmd *cobra.Command, args []string) error {
		c, err := s.client().CheckAdapter(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if s.json {
			return s.object(c)
		}
		s.line("say.adapter.fits", "ref", c.Ref, "model", c.Base)
		switch {
		case c.Installed:
			s.tell("say.adapter.installed")
		case c.Doubt != "":
			s.tell("say.adapter.doubt", "text", c.Doubt)
		default:
			s.tell("say.adapter.next", "ref", c.Ref)
		}
		return nil
	})
}
