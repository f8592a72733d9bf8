"""Environment files to read both by systemd and by us: written ones, each for a reason, and pieces to make more of."""

import random
from collections.abc import Iterator

WRITTEN: dict[str, bytes] = {
    "empty": b"",
    "no newline at the end": b"A=1",
    "plain": b"A=1\nB=two words\nC=\n",
    "comments": b"# one\n  # two\n;three\n\t; four\nA=1\n#A=2\n",
    "comment behind a value": b"A=1 # one\nB=2# two\nC= # three\nD=#four\nE= ; five\n",
    "comment behind a quoted value": b'A="1" # one\nB=\'2\'#two\nC="3"   # three\n',
    "comment that goes on": b"# one \\\nA=1\nB=2\n; two \\\n\nC=3\n# three \\\\\nD=4\n# four \\ \nE=5\n",
    "comment that goes on at the end": b"A=1\n# one \\",
    "backslashes": b"A=a\\b\nB=a\\\\b\nC=\\a\nD=a\\\nE=1\n",
    "backslash before a line end": b"A=1\\\nB=2\nC=a \\\n b \\\n c\nD=\\\nE\n",
    "backslash before the end of the file": b"A=1\nB=2 \\",
    "backslash in a key": b"A\\B=1\nA\\\nB=2\n",
    "protected blanks": b"A=b\\ \nB=b\\  \nC=b \\ \nD=\\ b\nE=b \\\\ \nF=b\\\t\n",
    "blanks": b" A = b \n\tB\t=\tc d\t\nC=   \n D=1\nE =2\nF= 3\n",
    "double quotes": b'A="b"\nB=" b "\nC="b\'c"\nD=""\nE="b" \nF= "b"\n',
    "single quotes": b"A='b'\nB=' b '\nC='b\"c'\nD=''\nE='b\\'\nF='b\\\\c'\n",
    "escapes in double quotes": b'A="a\\"b"\nB="a\\\\b"\nC="a\\$b"\nD="a\\`b"\nE="a\\nb"\nF="a\\\'b"\nG="a\\\nb"\n',
    "an escaped quote that does not close": b'A="\\"\nB=1"\n',
    "quotes in odd places": b"A=b\"c\"\nB=it's\nC=\"b\"c\nD='b''c'\nE=\"b\"'c'd\nF='b' 'c'\nG=\"b\" c \nH=b \"c\" \n",
    "quoted line ends": b"A=\"b\nc\"\nB='d\n\ne'\nC=1\n",
    "quote that never closes": b'A=1\nB="b\nC=2\nD=3\n',
    "single quote that never closes": b"A=1\nB='b\nC=2\\\n",
    "quote that never closes, and a backslash": b'A="b\\',
    "quotes around all": b"\"A=1\"\n'B=2'\n",
    "dollars": b"HOME_=$HOME\nA=${B}\nB=1\nC=${B:-x}\nD=\"$B\"\nE='${B}'\nF=$$\nG=`id`\nH=$(id)\n",
    "export": b"export A=1\nexport B\nexport=2\nexport =3\nC=4\n",
    "lone keys": b'A\nB=1\nC D\n"E"\nF',
    "no name": b"=1\n= 2\n==3\n=A=4\nA==5\nB=6=7\n",
    "names that are none": b"1A=1\nA-B=2\nA.B=3\nA B=4\n\xc3\xa9=5\n_=6\n_A1=7\nA[0]=8\n",
    "last one wins": b"A=1\nB=2\nA=3\nA =\nB='4'\n",
    "a lone key sets nothing": b"A=1\nA\n",
    "carriage returns": b"A=1\r\nB='2'\r\nC=3 \r\n\r\n# d\r\nD=4\r\n",
    "lone carriage returns": b"A=1\rB=2\rC\r#D\rE=3",
    "backslash before a carriage return": b'A=1\\\r\nB=2\nC="3\\\r\n4"\n# five \\\r\nD=5\n',
    "quoted carriage returns": b"A=\"1\r\n2\"\nB='3\r4'\n",
    "byte order mark": b"\xef\xbb\xbfA=1\nB=2\n",
    "byte order mark before a comment": b"\xef\xbb\xbf# one\nA=1\n",
    "UTF-8": b"A=\xc3\xa9t\xc3\xa9\nB='\xe2\x82\xac'\nC=\xf0\x9f\x98\x80\n",
    "Unicode's blanks and line ends": b"A=\xc2\xa0b\xc2\xa0\nB=\xe2\x80\xa8c\xc2\x85\n\xc2\xa0C=1\n",
    "UTF-8 that backslashes cut": b'A=\\\xc3\\\xa9\nB=\xc3\\\xa9\nC="\\\xc3\xa9"\n',
    "UTF-8 that quotes make": b"A='\xc3'\xa9\nB=\"\xc3\"'\xa9'\n",
    "Latin-1 in a comment": b"# \xe9t\xe9\nA=1\n",
    "Latin-1 in a lone key": b"\xe9t\xe9\nA=1\n",
    "Latin-1 in a value": b"A=1\nB=\xe9t\xe9\n",
    "Latin-1 in a name": b"A=1\n\xe9t\xe9=2\n",
    "Latin-1 in a value that is set again": b"A=\xe9\nA=1\n",
    "surrogate": b"A=\xed\xa0\x80\n",
    "noncharacter": b"A=\xef\xbf\xbf\n",
    "noncharacter in the middle of the plane": b"A=\xef\xb7\x90\n",
    "noncharacter of another plane": b"A=\xf0\x9f\xbf\xbe\n",
    "beyond Unicode": b"A=\xf4\x90\x80\x80\n",
    "overlong UTF-8": b"A=\xc0\xaf\n",
    "zero byte in a value": b"A=1\x002\nB=3\n",
    "zero byte in a comment": b"A=1\n# \x00\nB=3\n",
    "control characters": b"A=\x01\x1b[1m\x7f\nB=\x0bc\x0b\nC=\x0cd\x0c\n\x0bD=1\n",
    "tabs": b"A=b\tc\n\tB\t=\t'd\te'\t\n",
    "no value at the end": b"A=1\nB=",
    "blank at the end": b"A=1\nB=2 ",
    "a ClassAd expression": b'GLIDEIN_Start_Extra=TARGET.ProjectName == "A" && TARGET.Owner =!= "b c"\n',
    "a quoted ClassAd expression": b'GLIDEIN_Start_Extra="TARGET.ProjectName == \\"A\\""\n',
    "a list over several lines": b'REPOS=" \\\noasis.opensciencegrid.org \\\nsingularity.opensciencegrid.org"\n',
    "a long value": b"A=" + b"x" * 100_000 + b"\nB=1\n",
    "many lines": b"".join(b"KEY_%d=%d\n" % (n, n) for n in range(500)),
}

# What makes readers differ, in pieces that any order of them can meet.
FRAGMENTS: tuple[bytes, ...] = (
    b"A", b"B_1", b"x", b"a value", b"=", b"=", b"=", b"\n", b"\n", b"\n", b"\r", b"\r\n", b" ", b" ", b"\t",
    b"'", b'"', b"\\", b"\\\n", b"\\\r\n", b"\\\\", b'\\"', b"#", b" #", b";", b"$", b"`", b"${A}", b"export ",
    b"1A", b"-", b"\x0b", b"\x0c", b"\x1b", b"\xc2\x85", b"\xc2\xa0", b"\xe2\x80\xa8", b"\xc3\xa9",
    b"A=1\n", b"B='x'\n", b'C="y" ', b"# c\n", b"D = z \n",
)  # fmt: skip
# These make systemd refuse the whole file, most times, so they are rare.
REFUSED_FRAGMENTS: tuple[bytes, ...] = (
    b"\x00", b"\xc3", b"\xa9", b"\xff", b"\xed\xa0\x80", b"\xef\xbf\xbf", b"\xef\xb7\x90", b"\xf4\x90\x80\x80",
)  # fmt: skip


def generated(seed: int, count: int) -> Iterator[bytes]:
    """So many files made of the fragments, always the same ones for a seed."""
    source = random.Random(seed)
    for _ in range(count):
        pieces = source.choices(FRAGMENTS, k=source.randrange(1, 24))
        if source.random() < 0.1:
            pieces.insert(source.randrange(len(pieces)), source.choice(REFUSED_FRAGMENTS))
        yield b"".join(pieces)
