package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func meshCmd(s *shell) *cobra.Command {
	c := s.command("mesh", nil, nil)
	c.AddCommand(meshIDCmd(s), meshInviteCmd(s), meshJoinCmd(s, "join"), meshJoinCmd(s, "add-peer"), meshCloseCmd(s), meshOpenCmd(s),
		meshBlockCmd(s, "block"), meshBlockCmd(s, "unblock"), meshWhyCmd(s), meshLimitsCmd(s), meshMapCmd(s))
	return c
}

func meshIDCmd(s *shell) *cobra.Command {
	return s.command("mesh.id", between(0, 0), func(cmd *cobra.Command, _ []string) error {
		id, err := s.client().ID(cmd.Context())
		if err != nil {
			return err
		}
		if s.json {
			return s.object(id)
		}
		fmt.Fprintln(s.out, id.ID)
		for _, a := range id.Addrs {
			fmt.Fprintln(s.out, a)
		}
		return nil
	})
}

func meshBlockCmd(s *shell, name string) *cobra.Command {
	return s.command("mesh."+name, between(1, 1), func(cmd *cobra.Command, args []string) error {
		client := s.client()
		change := map[string]func(context.Context, string) error{"block": client.Block, "unblock": client.Unblock}[name]
		if err := change(cmd.Context(), args[0]); err != nil {
			return err
		}
		if s.json {
			return s.object(map[string]any{"id": args[0], "blocked": name == "block"})
		}
		if name == "block" {
			s.line("say.blocked", "id", args[0])
		} else {
			s.line("say.unblocked", "id", args[0])
		}
		return nil
	})
}
