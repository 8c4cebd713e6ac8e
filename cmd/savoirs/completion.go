package main

import "github.com/spf13/cobra"

func completionCmd(s *shell) *cobra.Command {
	c := s.command("completion", between(1, 1), func(cmd *cobra.Command, args []string) error {
		root := cmd.Root()
		switch args[0] {
		case "bash":
			return root.GenBashCompletionV2(s.out, true)
		case "zsh":
			return root.GenZshCompletion(s.out)
		case "fish":
			return root.GenFishCompletion(s.out, true)
		}
		return usageError("bad_choice", "name", "completion", "value", args[0], "choices", "bash, zsh, fish")
	})
	c.ValidArgs = []string{"bash", "zsh", "fish"}
	return c
}
