from cineclr.seeds import derive_seed


def test_seeds_depend_on_root_and_every_name():
    seeds = {
        derive_seed(root, *names)
        for root in (0, 1)
        for names in [(), ("a",), ("a", "b"), ("ab",), ("b", "a")]
    }
    assert len(seeds) == 10
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(0, "finetune_echo", 0.1) == derive_seed(0, "finetune_echo", 0.1)
