"""rag_peers.py ENGINE LANG CORPUS QUERIES: one search engine over a collection
in the form of BEIR. Its index is made in the working directory. Prints JSON
lines: {"index_s"} first, then {"query", "docs", "ms"} for each query.

Each engine is used as its manual says for that language: its own stemmer and
scores, any word of the question may match. An engine that is not installed is
named on stderr and the exit status is 3."""

import json
import re
import sys
import time

FOUND = 10
LANGUAGES = {"fr": "french", "en": "english", "es": "spanish"}


def lines(name):
    with open(name, encoding="utf-8") as f:
        for line in f:
            if line.strip():
                yield json.loads(line)


def texts(corpus):
    for d in lines(corpus):
        yield d["_id"], (d.get("title", "") + "\n" + d["text"]).strip()


def words(question):
    return re.findall(r"\w+", question)


def sqlite(lang, corpus):
    import sqlite3

    db = sqlite3.connect("fts5.db")
    tokens = "unicode61 remove_diacritics 2"
    if lang == "en":
        tokens = "porter " + tokens  # it has no other stemmer
    try:
        db.execute(f"CREATE VIRTUAL TABLE t USING fts5(id UNINDEXED, text, tokenize='{tokens}')")
    except sqlite3.OperationalError as e:
        raise ImportError(f"this SQLite has no FTS5: {e}")
    db.executemany("INSERT INTO t VALUES (?, ?)", texts(corpus))
    db.execute("INSERT INTO t(t) VALUES ('optimize')")
    db.commit()

    def search(question):
        match = " OR ".join(f'"{w}"' for w in words(question))
        return [r[0] for r in db.execute("SELECT id FROM t WHERE t MATCH ? ORDER BY rank LIMIT ?", (match, FOUND))]

    return search


def xapian(lang, corpus):
    import xapian

    db = xapian.WritableDatabase("xapian.db", xapian.DB_CREATE_OR_OVERWRITE)
    stem = xapian.Stem(LANGUAGES.get(lang, "none"))
    generator = xapian.TermGenerator()
    generator.set_stemmer(stem)
    for name, text in texts(corpus):
        doc = xapian.Document()
        doc.set_data(name)
        generator.set_document(doc)
        generator.index_text(text)
        db.add_document(doc)
    db.commit()
    parser = xapian.QueryParser()
    parser.set_stemmer(stem)
    parser.set_stemming_strategy(xapian.QueryParser.STEM_SOME)
    parser.set_database(db)

    def search(question):
        enquire = xapian.Enquire(db)
        enquire.set_query(parser.parse_query(" ".join(words(question)), 0))
        return [m.document.get_data().decode() for m in enquire.get_mset(0, FOUND)]

    return search


def tantivy(lang, corpus):
    import tantivy

    fields = tantivy.SchemaBuilder()
    fields.add_text_field("id", stored=True, tokenizer_name="raw")
    fields.add_text_field("text", tokenizer_name="stemmed")
    index = tantivy.Index(fields.build(), path=".")
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).filter(tantivy.Filter.lowercase())
    if lang in LANGUAGES:
        builder = builder.filter(tantivy.Filter.stemmer(LANGUAGES[lang]))
    index.register_tokenizer("stemmed", builder.build())
    writer = index.writer(50_000_000, 1)
    for name, text in texts(corpus):
        writer.add_document(tantivy.Document(id=[name], text=[text]))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()

    def search(question):
        query = index.parse_query(" ".join(words(question)).lower(), ["text"])
        return [searcher.doc(at)["id"][0] for _, at in searcher.search(query, FOUND).hits]

    return search


def main(engine, lang, corpus, queries):
    start = time.perf_counter()
    try:
        search = {"sqlite-fts5": sqlite, "xapian": xapian, "tantivy": tantivy}[engine](lang, corpus)
    except ImportError as e:
        print(e, file=sys.stderr)
        sys.exit(3)
    print(json.dumps({"index_s": time.perf_counter() - start}))
    for q in lines(queries):
        start = time.perf_counter()
        docs = search(q["text"]) if words(q["text"]) else []
        took = time.perf_counter() - start
        print(json.dumps({"query": q["_id"], "docs": docs, "ms": took * 1000}))


main(*sys.argv[1:])
