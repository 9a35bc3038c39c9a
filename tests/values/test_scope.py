from registry.values.scope import Scope


def test_an_arn_names_account_region_and_repository() -> None:
    arn = Scope("111122223333", "eu-north-1").repository_arn("team/app")
    assert arn == "arn:aws:ecr:eu-north-1:111122223333:repository/team/app"
