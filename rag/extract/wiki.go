package extract

import (
	"strings"
	"unicode"
)

// ofWiki tells by its attributes whether an element of a page in a ZIM archive
// belongs to the site and not to the article: contents, notes, links to edit
// and between pages, banners, footers. The names are those of MediaWiki and its
// skins, the templates of the large Wikipedias, and the tools that make
// archives.
func ofWiki(attr map[string]string) bool {
	switch attr["id"] {
	case "toc", "catlinks", "siteSub", "contentSub", "jump-to-nav", "mw-navigation", "mw-head", "mw-panel", "footer", "mw-footer",
		"banner", "references":
		return true
	}
	switch attr["role"] {
	case "doc-toc", "contentinfo", "doc-endnotes":
		return true
	}
	for _, c := range strings.Fields(attr["class"]) {
		switch c {
		case "toc", "reference", "references", "reflist", "mw-references-wrap", "mw-cite-backlink", "mw-jump-link", "catlinks", "printfooter",
			"zim-footer", "mw-footer", "footer", "navigation-not-searchable", "vertical-navbox", "navbox-styles", "sistersitebox", "metadata",
			"ambox", "hatnote", "dablink", "homonymie", "bandeau-container", "bandeau-portail", "bandeau-section", "bandeau-article", "liste-portail",
			"mw-empty-elt", "mw-indicators", "nomobile", "authority-control", "error":
			return true
		}
	}
	return false
}

// apparatus are headings of lists that lead away from an article.
var apparatus = map[string]bool{
	"notes et références": true, "références": true, "notes": true, "liens externes": true, "lien externe": true, "voir aussi": true,
	"articles connexes": true, "annexes": true, "sources": true,
	"references": true, "notes and references": true, "footnotes": true, "external links": true, "see also": true, "further reading": true,
	"referencias": true, "notas": true, "enlaces externos": true, "véase también": true,
	"referans": true, "lyen deyò": true, "gade tou": true,
}

// prune leaves out headings with nothing under them, and lists under a heading
// that only leads away.
func prune(blocks []Block) []Block {
	kept := blocks[:0]
	for i := 0; i < len(blocks); i++ {
		if b := blocks[i]; b.Role == Heading && apparatus[strings.ToLower(b.Text)] {
			end := i + 1
			for end < len(blocks) && (blocks[end].Role == Item || blocks[end].Role == Heading && blocks[end].Level > b.Level) {
				end++
			}
			if end == len(blocks) || blocks[end].Role == Heading {
				i = end - 1
				continue
			}
		}
		kept = append(kept, blocks[i])
	}
	blocks, kept = kept, nil
	for i, b := range blocks {
		if b.Role != Heading || !bare(b, blocks[i+1:]) {
			kept = append(kept, b)
		}
	}
	return kept
}

// bare tells whether nothing but headings stands between h and the end of what
// is under it.
func bare(h Block, after []Block) bool {
	for _, b := range after {
		if b.Role != Heading {
			return false
		}
		if b.Level <= h.Level {
			return true
		}
	}
	return true
}

// leastArticle is how many letters a page must have besides its headings to be
// one: what redirects by other means, or only holds a picture, has fewer.
const leastArticle = 40

func enough(blocks []Block) bool {
	letters := 0
	for _, b := range blocks {
		if b.Role == Heading {
			continue
		}
		for _, r := range b.Text {
			if unicode.IsLetter(r) {
				letters++
			}
		}
		if letters >= leastArticle {
			return true
		}
	}
	return false
}
