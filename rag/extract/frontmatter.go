package extract

import (
	"bytes"
	"strings"
)

// frontMatter reads the title and language of a YAML ("---") or TOML ("+++")
// header, and returns how many bytes the header takes. Only plain keys at the
// top level count.
func frontMatter(data []byte, d *Document) int {
	head := data[:min(len(data), 64<<10)]
	for fence, sep := range map[string]string{"---": ":", "+++": "="} {
		if !bytes.HasPrefix(head, []byte(fence+"\n")) && !bytes.HasPrefix(head, []byte(fence+"\r\n")) {
			continue
		}
		pos := 0
		title, lang, keys := "", "", 0
		for line := range bytes.Lines(head) {
			pos += len(line)
			l := strings.TrimRight(string(line), "\r\n\t ")
			if pos > len(line) && (l == fence || fence == "---" && l == "...") {
				if keys == 0 && pos > 8 {
					return 0 // a rule, some prose and another rule
				}
				d.Title, d.Lang = title, lang
				return pos
			}
			key, value, ok := strings.Cut(l, sep)
			if !ok || strings.HasPrefix(l, " ") || strings.ContainsAny(strings.TrimSpace(key), " .,") {
				continue
			}
			keys++
			value = strings.Trim(strings.TrimSpace(value), `"'`)
			switch strings.ToLower(strings.TrimSpace(key)) {
			case "title", "titre":
				title = value
			case "lang", "language", "langue":
				lang = value
			}
		}
	}
	return 0
}
