package main

import (
	"github.com/spf13/cobra"

	"savoirs/node"
)

// stickCmd holds what is done with drives that carry content from node to node.
// Those that only look at a drive need no running node.
func stickCmd(s *shell) *cobra.Command {
	c := s.command("stick", nil, nil)
	c.AddCommand(stickListCmd(s), stickPackCmd(s), stickInspectCmd(s), stickVerifyCmd(s), stickLoadCmd(s), stickReceiptsCmd(s), stickEjectCmd(s))
	return c
}

func stickListCmd(s *shell) *cobra.Command {
	return s.command("stick.list", between(0, 0), func(*cobra.Command, []string) error {
		drives, err := node.Media{}.Drives()
		if err != nil {
			return err
		}
		if s.json {
			return s.object(drives)
		}
		if len(drives) == 0 {
			s.tell("say.stick.none")
			return nil
		}
		rows := [][]string{{s.say("say.col.name"), s.say("say.col.place"), s.say("say.col.size"), s.say("say.col.free"), s.say("say.col.state")}}
		for _, d := range drives {
			rows = append(rows, []string{d.Label, d.Dir, s.words.Bytes(d.Size), s.words.Bytes(d.Free), s.carries(d)})
		}
		return s.table(rows)
	})
}

// carries says in a few words what a drive is good for.
func (s *shell) carries(d node.Drive) string {
	switch {
	case d.Stick && d.ReadOnly:
		return s.say("say.stick.savoirs_only_read")
	case d.Stick:
		return s.say("say.stick.savoirs")
	case d.ReadOnly:
		return s.say("say.stick.only_read")
	}
	return s.say("say.stick.ready")
}

// drives says what is plugged, a phrase for each.
func (s *shell) drives(drives []node.Drive) []string {
	var all []string
	for _, d := range drives {
		all = append(all, s.say("say.status.drive", "label", d.Label, "dir", d.Dir, "free", s.words.Bytes(d.Free), "state", s.carries(d)))
	}
	return all
}

func stickEjectCmd(s *shell) *cobra.Command {
	return completeDrives(s.command("stick.eject", between(1, 1), func(cmd *cobra.Command, args []string) error {
		d, err := node.Media{}.Eject(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		switch {
		case s.json:
			return s.object(d)
		case d.Dir == "":
			s.line("say.stick.remove", "label", d.Label)
		default:
			s.line("say.stick.flushed", "dir", d.Dir)
		}
		return nil
	}))
}

// completeDrives lets a shell complete the places of plugged drives, and folders.
func completeDrives(c *cobra.Command) *cobra.Command {
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		drives, err := node.Media{}.Drives()
		if err != nil || len(drives) == 0 {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
		var dirs []string
		for _, d := range drives {
			dirs = append(dirs, d.Dir+"\t"+clean(d.Label))
		}
		return dirs, cobra.ShellCompDirectiveNoFileComp
	}
	return c
}
