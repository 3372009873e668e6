from tools import check_site

WHOLE = '<a href="b.html#end">b</a><img src="p.png" alt="a picture">'


def site(folder, page):
    (folder / "a.html").write_text(page)
    (folder / "b.html").write_text('<p id="end"></p>')
    (folder / "p.png").write_bytes(b"")
    (folder / "_static").mkdir()
    (folder / "_static" / "template.html").write_text('<a href="{{ path }}">x</a>')
    return list(check_site.problems(folder))


def test_a_whole_page_has_no_problem(tmp_path, capsys):
    outside = '<a href="https://example.org">x</a><link rel="canonical" href="https://x.org">'
    assert site(tmp_path, WHOLE + outside) == []
    assert check_site.main([str(tmp_path)]) == 0
    assert "no broken link" in capsys.readouterr().out


def test_every_kind_of_problem_is_named(tmp_path, capsys):
    page = (
        '<a href="c.html">c</a><a href="b.html#start">b</a><img src="q.png" alt="a picture">'
        '<img src="p.png"><script src="https://cdn.example.org/x.js"></script>'
    )
    assert site(tmp_path, page) == [
        "a.html: no text alternative: p.png",
        "a.html: fetched from elsewhere: https://cdn.example.org/x.js",
        "a.html: leads nowhere: c.html",
        "a.html: no such anchor: b.html#start",
        "a.html: leads nowhere: q.png",
    ]
    assert check_site.main([str(tmp_path)]) == 1


def test_an_empty_folder_is_a_problem(tmp_path):
    assert "run make site" in next(check_site.problems(tmp_path))
