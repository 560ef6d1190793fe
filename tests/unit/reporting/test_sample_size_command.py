import pytest

from cineclr.cli import main

WIDTH = ["sample-size", "--auroc", "0.85", "--prevalence", "0.1", "--width", "0.1"]
DIFFERENCE = ["sample-size", "--auroc", "0.85", "--baseline", "0.80", "--correlation", "0.5",
              "--power", "0.8", "--prevalence", "0.1", "--confidence", "0.95"]  # fmt: skip


def test_the_command_says_what_it_counted(capsys):
    assert main(WIDTH) == 0
    text = capsys.readouterr().out
    assert "95 % confidence interval of width 0.1 around an AUROC of 0.85" in text
    assert "at a prevalence of 0.1" in text
    numbers = [int(line.split()[1].rstrip(",")) for line in text.splitlines()[1:4]]
    assert numbers[0] + numbers[1] == numbers[2]


def test_a_difference_needs_more_than_an_interval_of_its_width(capsys):
    assert main(DIFFERENCE) == 0
    text = capsys.readouterr().out
    assert "a power of 0.8 to tell an AUROC of 0.85 from 0.8" in text
    assert "two-sided test at 0.05, correlation 0.5" in text


def test_a_small_answer_comes_with_a_warning(capsys):
    main([*WIDTH[:-1], "0.4"])
    assert "rough guide" in capsys.readouterr().out
    main(WIDTH)
    assert "rough guide" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (WIDTH[:-2], "give either --width"),
        ([*WIDTH, *DIFFERENCE[3:5]], "give either --width"),
        ([*DIFFERENCE[:5], "--prevalence", "0.1"], "--baseline and --correlation go together"),
        ([*WIDTH, "--correlation", "0.5"], "--baseline and --correlation go together"),
        ([*WIDTH[:-1], "7"], "width is 7"),
    ],
)
def test_an_unclear_wish_is_refused(arguments, message, capsys):
    assert main(arguments) == 1
    assert message in capsys.readouterr().err
